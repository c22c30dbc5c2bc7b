# shellcheck shell=sh
# What Dovecot's own programs object to, and which Dovecot it is.

# shellcheck disable=SC2034
# Read by its name (tool_of).
dovecot_tool=dovecot

checks_of_dovecot() { run_check "doveconf -n" check_dovecot; }

# version_of_dovecot: in $version.
version_of_dovecot() {
    version=$(dovecot --version 2>/dev/null | limited 8192)
    version=${version%% *}
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
