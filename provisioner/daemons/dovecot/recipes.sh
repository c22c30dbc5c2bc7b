# shellcheck shell=sh
# What the host makes itself for Dovecot: the password of the account that verify uses.

# recipe_probe VERB PATH LOGIN
recipe_probe() {
    case $1 in
        # Both rows: a host of before has only the account's own.
        has) [ -s "$state/probe-secret" ] && begins_line "$3:" "$2" && begins_line "${3%@*}-" "$2" ;;
        stage) ;; # no checker opens it
        make) make_probe "$2" "$3" ;;
    esac
}

make_probe() {
    secret=$(openssl rand -hex 24) || return 1
    # A plain hash, because Dovecot's auth itself computes it: the secret has 192 bits.
    hash=$(printf '%s' "$secret" | digest_of_input) && other=$(other_name_of "$secret" "$2") || return 1
    (umask 022 && mkdir -p "${1%/*}")
    ids=$(getent passwd mailprov-probe | cut -d : -f 3,4)
    # A host that keeps no mail has no such account: the row is for the password alone there.
    ids=${ids:-:}
    {
        echo "# Managed by mailprov: the account that verify uses, made on this host."
        printf '%s:{SHA256.HEX}%s:%s::/var/lib/mailprov-probe::\n' "$2" "$hash" "$ids"
        printf '%s:{SHA256.HEX}%064d::::::user=%s noauthenticate nodelay=y\n' "$other" 0 "$2"
    } >"$1.mailprov-new" || return 1
    printf '%s\n' "$secret" >"$state/probe-secret.new" || return 1
    chown root:dovecot "$1.mailprov-new" && chmod 640 "$1.mailprov-new" &&
        label_as "$1" "$1.mailprov-new" &&
        sync "$1.mailprov-new" "$state/probe-secret.new" &&
        mv -f "$state/probe-secret.new" "$state/probe-secret" && mv -f "$1.mailprov-new" "$1"
}

# other_name_of SECRET LOGIN: the name under which verify tries a wrong password; whoever has the
# secret knows it (model/prober.py).
other_name_of() {
    word=$(printf 'another name %s' "$1" | digest_of_input) || return 1
    name=${2%@*}
    printf '%s-%.32s%s\n' "$name" "$word" "${2#"$name"}"
}
