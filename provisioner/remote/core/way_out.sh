# shellcheck shell=sh
# Ask from this host whether mail can leave it, as Postfix itself would go about it. Nothing is
# sent but a greeting, a login at the relay host, and QUIT; nothing is written but temporary files.
#
# Standard input brings rows: `receiver` (a domain that mail may go to) and `address` (one that
# the world sees this host at). posttls-finger(1) is Postfix's own client: it looks names up, takes
# addresses and verifies certificates as smtp(8) does.

# A server that drops what it does not like is waited for no longer than this, in seconds.
patience=20

# setting NAME: what smtp(8) goes by: master.cf's own value, which comes last, else main.cf's.
setting() {
    value=
    while IFS= read -r line; do
        case $line in "$1 ="* | "smtp/unix/$1 ="*) value=${line#*=} ;; esac
    done <<END
$settings
END
    printf '%s\n' "${value# }"
}

# reach DESTINATION [OPTION...]: what happens on the way to its server, up to QUIT.
reach() {
    destination=$1
    shift
    # A server may say as much as it likes; this is more than one has to say.
    { timeout "$patience" posttls-finger -t 8 -T 8 "$@" "$destination" </dev/null 2>&1; echo "ended $?"; } |
        tail -c 16384
}

# verified_options: those by which posttls-finger verifies the relay host as smtp(8) would.
verified_options() {
    level=$(setting smtp_tls_security_level)
    printf '%s\n' -l "${level:-none}"
    for pair in -F:smtp_tls_CAfile -P:smtp_tls_CApath; do
        value=$(setting "${pair#*:}")
        [ -z "$value" ] || printf '%s\n' "${pair%%:*}" "$value"
    done
    [ "$(setting smtp_tls_wrappermode)" != yes ] || echo -w
}

# mechanisms: whether Cyrus SASL, by which smtp(8) logs in, has the modules for passwords.
mechanisms() {
    for module in /usr/lib*/sasl2/libplain.so* /usr/lib/*/sasl2/libplain.so*; do
        [ ! -e "$module" ] || { echo yes; return; }
    done
    echo no
}

# log_in RELAYHOST: the relay host's replies to a login with the password that Postfix has for it,
# by openssl(1), which verifies the certificate first. The password stays within this shell and
# its pipes: printf is built in, so it is no argument of any process.
log_in() {
    server=${1%]*}
    server=${server#[}
    case $1 in
        *]:*) port=${1##*]:} ;;
        \[*) port=smtp ;;
        *:*) server=${1%:*} port=${1##*:} ;;
        *) port=smtp ;;
    esac
    maps=$(setting smtp_sasl_password_maps)
    credentials=
    for map in $(printf '%s' "$maps" | tr ',' ' '); do
        for key in "$1" "$server"; do
            credentials=${credentials:-$(postmap -q "$key" "$map" 2>/dev/null)}
        done
    done
    [ -n "$credentials" ] || { echo "none"; return; }
    set -- -quiet -crlf -connect "$server:$port" -servername "$server" -verify_return_error \
        -verify_hostname "$server"
    [ "$(setting smtp_tls_wrappermode)" = yes ] || set -- "$@" -starttls smtp
    authority=$(setting smtp_tls_CAfile)
    [ -z "$authority" ] || set -- "$@" -CAfile "$authority"
    authority=$(setting smtp_tls_CApath)
    [ -z "$authority" ] || set -- "$@" -CApath "$authority"
    mkfifo "$work/to" "$work/from" || return
    timeout "$patience" openssl s_client "$@" <"$work/to" >"$work/from" 2>/dev/null &
    exec 5>"$work/to" 6<"$work/from"
    converse <&6
    exec 5>&- 6<&-
    wait
}

# converse: greet, log in, take leave; what the server says to each is told.
converse() {
    # openssl reads the greeting itself where it has said STARTTLS.
    [ "$(setting smtp_tls_wrappermode)" != yes ] || hear greeting || return
    say "EHLO $(setting myhostname)"
    hear ehlo || return
    # Of servers that take both, PLAIN is one exchange.
    case $heard in
        *AUTH*PLAIN*)
            printf '\000%s\000%s' "${credentials%%:*}" "${credentials#*:}" | base64 -w 0 | { printf 'AUTH PLAIN '; cat; echo; } >&5
            hear login || return
            ;;
        *AUTH*LOGIN*)
            say "AUTH LOGIN"
            hear prompt || return
            # Whoever does not ask for them gets neither name nor password.
            for part in "${credentials%%:*}" "${credentials#*:}"; do
                case $heard in 334*) ;; *) break ;; esac
                printf '%s' "$part" | base64 -w 0 | { cat; echo; } >&5
                hear login || return
            done
            ;;
        *) echo "unoffered"; return ;;
    esac
    printf 'login\t%s\n' "$heard"
    say QUIT
}

say() { printf '%s\n' "$1" >&5; }

# hear STAGE: the lines of one reply, in $heard, on one line; it fails where none came.
hear() {
    heard=
    while IFS= read -r line; do
        heard="$heard${heard:+ }$line"
        case $line in [0-9][0-9][0-9]-*) ;; *) return 0 ;; esac
    done
    printf 'broken\t%s\n' "$1"
    return 1
}

# names ADDRESS: the names that the DNS has for it, and the addresses it has for each of those.
names() {
    timeout "$patience" getent -s dns hosts "$1" | awk '{ for (i = 2; i <= NF; i++) print $i }' | sort -u |
        head -n 5 >"$work/looked-up/$1"
    # At once, and told in order: each has a file of its own.
    while IFS= read -r name; do addresses "$name" >"$work/looked-up/$1.$name" & done <"$work/looked-up/$1"
    wait
    while IFS= read -r name; do cat "$work/looked-up/$1.$name"; done <"$work/looked-up/$1"
}

# addresses NAME: it, and the addresses that the DNS has for it.
addresses() {
    printf 'name\t%s\n' "$1"
    timeout "$patience" getent -s dns ahosts "$1" | awk '!told[$1]++ { print "address\t" $1 }'
}

# default_routes: the families that have one; a host without any has no way out.
default_routes() {
    awk '$2 == "00000000" && $8 == "00000000" { print "ipv4"; exit }' /proc/net/route
    awk '$1 ~ /^0+$/ && $2 == "00" && $10 != "lo" { print "ipv6"; exit }' /proc/net/ipv6_route 2>/dev/null
}

manifest=$(cat)
work=$(mktemp -d) && mkdir "$work/looked-up" || exit
trap 'rm -rf "$work"' EXIT
settings=$(
    postconf -x relayhost myhostname smtp_sasl_auth_enable smtp_sasl_password_maps \
        smtp_tls_security_level smtp_tls_wrappermode smtp_tls_CAfile smtp_tls_CApath 2>/dev/null
    postconf -Px 2>/dev/null | grep '^smtp/unix/'
)
relayhost=$(setting relayhost)
routes=$(default_routes)
section settings
for name in relayhost smtp_tls_security_level smtp_sasl_auth_enable; do
    printf '%s\t%s\n' "$name" "$(setting "$name")"
done
printf 'mechanisms\t%s\n' "$(mechanisms)"
printf 'finger\t%s\n' "$(have posttls-finger && echo yes || echo no)"
section routes
printf '%s\n' "$routes"
# All at once: whoever does not answer holds nobody up.
if [ -n "$relayhost" ] && have posttls-finger; then
    # shellcheck disable=SC2046
    # Options, and paths of Postfix's without white space.
    reach "$relayhost" $(verified_options) >"$work/relay" &
elif [ -n "$routes" ] && have posttls-finger; then
    printf '%s\n' "$manifest" | rows receiver | {
        while IFS= read -r domain; do reach "$domain" -l may >"$work/receiver.$domain" & done
        wait
    } &
fi
if [ -n "$routes" ]; then
    printf '%s\n' "$manifest" | rows address | {
        while IFS= read -r address; do names "$address" >"$work/names.$address" & done
        wait
    } &
fi
wait
for file in "$work"/*; do
    [ -f "$file" ] || continue
    case ${file##*/} in
        relay) section reach "$relayhost" ;;
        receiver.*) section reach "${file#"$work/receiver."}" ;;
        names.*) section names "${file#"$work/names."}" ;;
    esac
    sed 's/^/|/' "$file"
done
# Nobody gets the password before its certificate was found good.
if [ -n "$relayhost" ] && [ "$(setting smtp_sasl_auth_enable)" = yes ] &&
    grep -q 'Verified TLS connection established' "$work/relay" 2>/dev/null; then
    section login
    log_in "$relayhost" | sed 's/^/|/'
fi
section end
