# shellcheck shell=sh
# The staged tree: what the archive brings, laid over a copy of /etc, and the daemons' own
# checkers run on it as if it were live.

staged_rows() { rows "$1" <"$stage/steps"; }

# The check sees a copy of /etc with the new files laid over it, because includes and
# maps are named by absolute paths: a checker pointed at a staged file would read the
# live ones beside it (docs/decisions).
build_staged_tree() {
    (umask 022 && mkdir "$stage/tree/etc") || return 1
    set --
    : >"$stage/through"
    for name in /etc/* /etc/.[!.]*; do
        if is_shown_through "$name"; then
            (umask 022 && mkdir "$stage/tree$name") && echo "$name" >>"$stage/through" || return 1
        elif [ -e "$name" ] || [ -L "$name" ]; then
            set -- "$@" "$name"
        fi
    done
    cp -a -- "$@" "$stage/tree/etc/" || return 1
    for path in $(staged_rows stage | cut -f 1) $(staged_rows remove) $(staged_rows recipe | cut -f 2); do
        stays_inside "${path%/*}" || return 1
    done
    staged_rows stage | while IFS="$tab" read -r path index _ _ mode; do
        case $path in /etc/*) ;; *) continue ;; esac
        (umask 022 && mkdir -p "$stage/tree${path%/*}")
        # A link such as a resolver's stub is replaced, never written through.
        rm -f "$stage/tree$path"
        install -m "$mode" "$stage/files/$index" "$stage/tree$path" &&
            settle_new "$path" "$stage/tree$path" || exit 1
    done || return 1
    staged_rows remove | while IFS= read -r path; do rm -f "$stage/tree$path"; done
    staged_rows recipe | while IFS="$tab" read -r kind path subject; do
        case $kind in
            self-signed | renewed)
                key=
                [ "$kind" != renewed ] || key=$path
                make_certificate "$stage/made" "$subject" "$key" || exit 1
                (umask 022 && mkdir -p "$stage/tree${path%/*}")
                cp -p "$stage/made" "$stage/tree$path" || exit 1
                ;;
            # Its content is made when it is needed; the checker looks whether it is there.
            probe-address)
                (umask 022 && mkdir -p "$stage/tree${path%/*}")
                : >"$stage/tree$path" && settle_new "$path" "$stage/tree$path" || exit 1
                ;;
            # Outside /etc, and what the daemon's own unit would do at its first start:
            # the checker wants the file.
            trust-anchor) [ -s "$path" ] || $subject >/dev/null || exit 1 ;;
        esac
    done || return 1
    # What Postfix copies into its chroot when it starts, as the next start would copy it.
    # Its certificates are left out: postfix(1) would compare them file by file.
    [ -d /var/spool/postfix/etc ] || return 0
    (umask 022 && mkdir "$stage/tree/chroot-etc") || return 1
    for name in /var/spool/postfix/etc/*; do
        [ -f "$name" ] || continue
        new=$stage/tree/etc/${name##*/}
        [ -f "$new" ] || new=$name
        cp -pL "$new" "$stage/tree/chroot-etc/" || return 1
    done
}

# is_shown_through PATH: the hundreds of certificates that the system trusts, with which no file
# of a site lies, are not copied: the checkers see them where they are.
is_shown_through() {
    case $1 in /etc/ssl | /etc/pki) [ -d "$1" ] && [ ! -L "$1" ] ;; *) return 1 ;; esac
}

# A folder that is a link to elsewhere would lead the staging into the live tree.
stays_inside() {
    [ "$(realpath -m "$stage/tree$1")" = "$stage/tree$1" ] && return 0
    echo "$1 is or lies below a symbolic link; make it a folder of its own" >&2
    return 1
}

# make_certificate FILE NAME KEY: a key with its own certificate for NAME. It is that in the file
# KEY, where one is named: whoever pinned it notices nothing.
make_certificate() {
    name=$2
    # A common name holds 64 characters (RFC 5280 appendix A); clients read the other one.
    [ "${#name}" -le 64 ] || name=mailprov
    # All of it is said here: by its own file openssl(1) makes an authority, and what is
    # added to that with -addext stands there twice with some versions.
    cat >"$1.cnf" <<EXTENSIONS || return 1
[req]
distinguished_name = none
x509_extensions = server
[none]
[server]
basicConstraints = critical, CA:FALSE
keyUsage = critical, digitalSignature
extendedKeyUsage = serverAuth
subjectKeyIdentifier = hash
subjectAltName = DNS:$2
EXTENSIONS
    {
        if [ -n "$3" ]; then
            openssl pkey -in "$3" -out "$1.key"
        else
            openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:prime256v1 -out "$1.key"
        fi && openssl req -config "$1.cnf" -x509 -new -sha256 -key "$1.key" -days 3650 -subj "/CN=$name" -out "$1.crt"
    } >"$stage/openssl" 2>&1 || { cat "$stage/openssl" >&2; return 1; }
    {
        echo "# Managed by mailprov: made on this host, where the key stays."
        cat "$1.key" "$1.crt"
    } >"$1" && rm -f "$1.key" "$1.crt" "$1.cnf" && chmod 600 "$1"
}

check_staged_tree() {
    # shellcheck disable=SC2046
    set -- $(staged_rows check)
    [ $# -gt 0 ] || return 0
    section step check
    if ! build_staged_tree >"$output" 2>&1; then
        section failed check
        sed 's/^/|/' "$output"
        exit 70
    fi
    # shellcheck disable=SC2016,SC2154
    # The quoted text is for the inner shell; program_checks is set by program.py. None of its
    # mounts may be seen out here: the tree is deleted, and what is shown through is live.
    unshare -m --propagation private sh -c "$program_checks"'
        tree=$1
        shift
        while IFS= read -r through; do
            mount --bind "$through" "$tree$through" || exit 70
        done <"${tree%/tree}/through"
        mount --rbind "$tree/etc" /etc || exit 70
        [ ! -d "$tree/chroot-etc" ] || mount --bind "$tree/chroot-etc" /var/spool/postfix/etc || exit 70
        check_daemons "$@"
        [ "$checks_failed" -eq 0 ] || exit 65
    ' mailprov "$stage/tree" "$@"
}
