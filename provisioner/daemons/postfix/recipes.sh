# shellcheck shell=sh
# What the host makes itself for Postfix: who may write to the account that verify uses.

# recipe_probe_address VERB TABLE ADDRESS
# shellcheck disable=SC2154
# $stage is where a transaction stages; nobody else does.
recipe_probe_address() {
    case $1 in
        has) knows_address "$3" "$2" ;;
        # Its content is made when it is needed; the checker looks whether it is there.
        stage)
            (umask 022 && mkdir -p "$stage/tree${2%/*}")
            : >"$stage/tree$2" && settle_new "$2" "$stage/tree$2"
            ;;
        make) make_probe_address "$2" "$3" ;;
    esac
}

# knows_address ADDRESS TABLE: mail to it is taken with the word that verify knows.
knows_address() {
    token=
    IFS= read -r token <"$state/probe-token"
    [ "$token" ] && begins_line "${1%@*}+$token@${1##*@} " "$2"
} 2>/dev/null

# make_probe_address TABLE ADDRESS: mail to the prober is taken where it names a word behind the
# name that nobody else knows, and refused to everybody else (access(5): the longer key comes first).
make_probe_address() {
    token=$(openssl rand -hex 16) || return 1
    (umask 022 && mkdir -p "${1%/*}")
    {
        echo "# Managed by mailprov: who may write to the account that verify uses, made on this host."
        printf '%s+%s@%s DUNNO\n' "${2%@*}" "$token" "${2##*@}"
        printf '%s@ 550 5.7.1 only this site'\''s own probes may write to this mailbox\n' "${2%@*}"
    } >"$1.mailprov-new" && printf '%s\n' "$token" >"$state/probe-token.new" &&
        chown root:postfix "$1.mailprov-new" && chmod 640 "$1.mailprov-new" &&
        label_as "$1" "$1.mailprov-new" && settle_new "$1" "$1.mailprov-new" &&
        sync "$1.mailprov-new" "$state/probe-token.new" &&
        mv -f "$state/probe-token.new" "$state/probe-token" && mv -f "$1.mailprov-new" "$1"
}
