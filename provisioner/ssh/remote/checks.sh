# shellcheck shell=sh
# The daemons' own checkers, against whatever is at /etc: the live files, or a staged
# tree that the caller has bound there. They pass nearly anything, so what they do
# object to is never ignored: any line on standard error is a finding.

# run_check NAME COMMAND...: run one checker; report its standard error, and its
# standard output too where it failed.
run_check() {
    check_name=$1
    shift
    check_file=$(mktemp) || return 1
    "$@" >"$check_file.out" 2>"$check_file" </dev/null
    check_status=$?
    section check "$check_name" "$check_status"
    [ "$check_status" -eq 0 ] || cat "$check_file.out" >>"$check_file"
    # postfix check calls postconf many times; each complaint is told once.
    awk '!told[$0]++ { print "|" $0 }' "$check_file"
    if [ "$check_status" -ne 0 ] || [ -s "$check_file" ]; then checks_failed=1; fi
    rm -f "$check_file" "$check_file.out"
}

# Every texthash map that main.cf names is opened as the daemons will open it.
check_maps() {
    for map in $(postconf -n | grep -o 'texthash:[^ ,]*' | sort -u); do
        postmap -q mailprov-check "$map" 2>&1 | sed 's/^/|/' >&2
        [ -r "${map#texthash:}" ] || echo "$map: no such file" >&2
    done
}

# The key and the certificate that the daemons will offer belong together.
check_certificate() {
    certificate_of=$(openssl x509 -in "$1" -noout -pubkey) || return 1
    key_of=$(openssl pkey -in "$1" -pubout) || return 1
    [ "$certificate_of" = "$key_of" ] || { echo "$1: key and certificate do not match" >&2; return 1; }
}

# check_daemons DAEMON...: run the checkers of each; sets checks_failed.
check_daemons() {
    # shellcheck disable=SC2034
    # For the caller.
    checks_failed=0
    for daemon in "$@"; do
        case $daemon in
            postfix)
                run_check "postfix check" postfix check
                run_check "postconf -n" postconf -n
                run_check "postconf -M" postconf -M
                run_check "postmap -q" check_maps
                ;;
            dovecot) run_check "doveconf -n" doveconf -n ;;
            unbound) run_check "unbound-checkconf" unbound-checkconf ;;
            certificate) run_check "openssl pkey" check_certificate /etc/mailprov/tls/site.pem ;;
        esac
    done
}
