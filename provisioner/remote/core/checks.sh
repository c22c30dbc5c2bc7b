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

# is_as_started: Postfix runs, and what `postfix check` looks at (its folders, their owners, its programs) is
# named as it was when it started, when postfix(1) looked at that itself. A value that no
# process of Postfix's could read is found by any of them. Only a staged tree has something to
# compare with ($live_postfix).
is_as_started() {
    [ -n "$live_postfix" ] && [ "$live_postfix" = "$(postfix_places)" ] &&
        [ -z "$(postmap -q ok static:ok 2>&1 >/dev/null)" ]
}

live_postfix=
staged_tree=
postfix_places() {
    postconf -hx queue_directory config_directory command_directory daemon_directory data_directory \
        meta_directory shlib_directory mail_owner setgid_group multi_instance_directories \
        alternate_config_directories import_environment sendmail_path mailq_path newaliases_path 2>&1
}

# What Postfix copies of the system's certificates into its chroot at each start, postfix(1) compares
# one by one, for half of its time. That they differ since the last update is nobody's fault.
check_postfix() {
    ! is_as_started || return 0
    [ -z "$staged_tree" ] || see_chroot || return 1
    copies=$(postconf -h queue_directory 2>/dev/null)/etc/ssl/certs
    if [ -d "$copies" ]; then
        # shellcheck disable=SC2016
        # The quoted text is for the inner shell.
        unshare -m --propagation private sh -c 'mount -t tmpfs tmpfs "$1" && exec postfix check' mailprov "$copies"
    else
        postfix check
    fi
}

# postfix_settings: of main.cf and master.cf, expanded; asked once.
postfix_settings() {
    [ -e "$check_folder/settings" ] || { postconf -nx; postconf -Px; } 2>/dev/null >"$check_folder/settings"
    cat "$check_folder/settings"
}

# Every map that main.cf or master.cf names by its path is opened as the daemons will.
check_maps() {
    maps=$(postfix_settings | grep -oE '[a-z]+:/[^ ,]*' | sort -u | while IFS= read -r map; do
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
    [ $# -gt 0 ] || return 0
    check_folder=$(mktemp -d) || check_folder=
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
    [ -z "$check_folder" ] || rm -rf "$check_folder"
}
