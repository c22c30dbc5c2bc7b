# shellcheck shell=sh
# Resources of kinds that bring their own shell (provisioner/resources/KIND.sh), which is one function:
#
#   resource_KIND tell NAME       how it is, in a line without tabs; `-` where it is not there
#   resource_KIND put NAME LINE   make it so, as far as the host has what that takes
#
# A line that was told once may be put at any time, also while the host boots and waits for this.

# run_resource VERB KIND NAME [LINE]
run_resource() {
    resource=$2
    while case $resource in *-*) ;; *) false ;; esac; do resource=${resource%%-*}_${resource#*-}; done
    command -v "resource_$resource" >/dev/null || return 64
    "resource_$resource" "$1" "$3" "${4-}" </dev/null
}

# tell_resource KIND NAME
tell_resource() {
    told=$(run_resource tell "$@" 2>/dev/null | limited)
    told=${told%%"$newline"*}
    printf '%s\n' "${told:--}"
}

# undo_resources: each as it was. Nobody's complaint keeps the host from returning.
undo_resources() {
    [ -e "$pending/resources" ] || return 0
    while IFS="$tab" read -r kind name line; do
        run_resource put "$kind" "$name" "$line"
    done <"$pending/resources" >&2
    return 0
}
