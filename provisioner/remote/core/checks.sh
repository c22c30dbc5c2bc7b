# shellcheck shell=sh
# The daemons' own checkers, against whatever is at /etc: the live files, or a staged
# tree that the caller has bound there. They pass nearly anything, so what they do
# object to is never ignored: any line on standard error is a finding.

# run_check NAME COMMAND...: run one checker; report its standard error, and its
# standard output too where it failed.
run_check() {
    check_name=$1
    shift
    # A check that could not run has failed: nothing may pass for want of disk.
    check_folder=$(mktemp -d) || {
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
    awk '!told[$0]++ { print "|" $0 }' "$check_folder/err"
    if [ "$check_status" -ne 0 ] || [ -s "$check_folder/err" ]; then checks_failed=1; fi
    rm -rf "$check_folder"
}

# What Postfix copies of the system's certificates into its chroot at each start, postfix(1) compares
# one by one, for half of its time. That they differ since the last update is nobody's fault.
check_postfix() {
    copies=$(postconf -h queue_directory 2>/dev/null)/etc/ssl/certs
    if [ -d "$copies" ]; then
        # shellcheck disable=SC2016
        # The quoted text is for the inner shell.
        unshare -m --propagation private sh -c 'mount -t tmpfs tmpfs "$1" && exec postfix check' mailprov "$copies"
    else
        postfix check
    fi
}

# Every map that main.cf or master.cf names by its path is opened as the daemons will.
check_maps() {
    maps=$({ postconf -nx; postconf -Px; } 2>/dev/null | grep -oE '[a-z]+:/[^ ,]*' | sort -u | while IFS= read -r map; do
        case $map in
            # It is made from the directory in the transaction that is checked here.
            lmdb:"$users_table"/* | cdb:"$users_table"/*) [ ! -e "${map#*:}.${map%%:*}" ] || printf '%s\n' "$map" ;;
            texthash:* | hash:* | btree:* | lmdb:* | cdb:* | regexp:* | pcre:* | cidr:*) printf '%s\n' "$map" ;;
        esac
    done)
    [ -n "$maps" ] || return 0
    set -f
    # The search ends at the first that has the name or cannot be opened; then each is asked by itself.
    # shellcheck disable=SC2086
    # They have no white space.
    complaints=$(postmap -q mailprov-check $maps 2>&1 >/dev/null)
    if [ $? -ne 1 ] || [ -n "$complaints" ]; then
        for map in $maps; do postmap -q mailprov-check "$map" >/dev/null; done
    fi
    set +f
    return 0
}

# With -x the files that a value names (`<PATH>`) are opened, as at a start; a running Dovecot
# that cannot open them stays with its old configuration and only logs it. What is read is a
# key, too, and goes nowhere.
check_dovecot() {
    doveconf -n -x >/dev/null || return
    values=$(doveconf ssl_min_protocol ssl_cipher_list 2>/dev/null)
    version=$(value_of ssl_min_protocol)
    case $version in
        '' | ANY | LATEST | SSLv3 | TLSv1 | TLSv1.[0-3]) ;;
        *) echo "ssl_min_protocol: no such version of TLS: $version" >&2 ;;
    esac
    ciphers=$(value_of ssl_cipher_list)
    if [ -n "$ciphers" ] && have openssl && ! openssl ciphers "$ciphers" >/dev/null 2>&1; then
        echo "ssl_cipher_list: no cipher of OpenSSL's: $ciphers" >&2
    fi
    return 0
}

# value_of NAME: in $values, as doveconf(1) tells them. (With -h it would tell nothing else, but 2.4.1
# refuses that.)
value_of() { printf '%s\n' "$values" | sed -n "s/^$1 = //p"; }

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
                run_check "postfix check" check_postfix
                run_check "postconf -n" postconf -n
                run_check "postconf -M" postconf -M
                run_check "postmap -q" check_maps
                run_check "postconf -x" check_values
                ;;
            dovecot) run_check "doveconf -n" check_dovecot ;;
            unbound) run_check "unbound-checkconf" unbound-checkconf ;;
            certificate) run_check "openssl pkey" check_certificate /etc/mailprov/tls/site.pem ;;
            *)
                section check "$daemon" 64
                echo "|no such checker"
                checks_failed=1
                ;;
        esac
    done
}
