# shellcheck shell=sh
# The manifest that standard input brought, in $manifest: a row for each thing to look at.

# pick KIND: of the rows in $manifest that begin with KIND, $picked has the fields after it,
# and $names the first of these. The shell itself does it: starting a program takes longer
# than what most of them are asked for here.
pick() {
    picked='' names=''
    set -f
    IFS=$newline
    for row in $manifest; do
        case $row in "$1$tab"*) row=${row#*"$tab"} picked=$picked$row$newline names="$names ${row%%"$tab"*}" ;; esac
    done
    unset IFS
    set +f
    picked=${picked%"$newline"}
}
