# shellcheck shell=sh
# The daemons' own checkers, against whatever is at /etc: the live files, or a staged
# tree that the caller has bound there. They pass nearly anything, so what they do
# object to is never ignored: any line on standard error is a finding.

# The tree that is staged, empty where the checkers look at live files.
staged_tree=

# run_check NAME COMMAND...: run one checker; report its standard error, and its
# standard output too where it failed.
run_check() {
    check_name=$1
    shift
    # A check that could not run has failed: nothing may pass for want of disk.
    [ -n "$check_folder" ] || {
        section check "$check_name" 70
        checks_failed=1
        return
    }
    # One that never stops speaking ends here, before it fills a disk: 32 MiB.
    (ulimit -f 65536 2>/dev/null; "$@") >"$check_folder/out" 2>"$check_folder/err" </dev/null
    check_status=$?
    section check "$check_name" "$check_status"
    [ "$check_status" -eq 0 ] || cat "$check_folder/out" >>"$check_folder/err"
    # postfix check calls postconf many times; each complaint is told once.
    [ ! -s "$check_folder/err" ] || awk '!told[$0]++ { print "|" $0 }' "$check_folder/err"
    if [ "$check_status" -ne 0 ] || [ -s "$check_folder/err" ]; then checks_failed=1; fi
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
    [ $# -gt 0 ] || return 0
    check_folder=$(mktemp -d) || check_folder=
    for daemon in "$@"; do
        if [ "$daemon" = certificate ]; then
            run_check "openssl pkey" check_certificate /etc/mailprov/tls/site.pem
        elif is_daemon "$daemon"; then
            "checks_of_$daemon"
        else
            section check "$daemon" 64
            echo "|no such checker"
            checks_failed=1
        fi
    done
    [ -z "$check_folder" ] || rm -rf "$check_folder"
}
