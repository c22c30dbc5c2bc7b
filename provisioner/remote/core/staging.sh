# shellcheck shell=sh
# The staged tree: what the archive brings, laid over a copy of /etc, and the daemons' own
# checkers run on it as if it were live.

# split_steps: the rows of each kind in a file of their own, $stage/rows/KIND: to look for a few in all
# of them takes a program each time.
split_steps() {
    mkdir -p "$stage/rows" && awk -F '\t' -v folder="$stage/rows/" '{
        kind = $1
        sub(/^[^\t]*\t/, "")
        print >(folder kind)
    }' "$stage/steps"
}

# staged KIND: $rows is where these rows stand.
staged() {
    [ -d "$stage/rows" ] || split_steps || return 1
    rows=$stage/rows/$1
    [ -e "$rows" ] || rows=/dev/null
}

staged_rows() { staged "$1" && { [ "$rows" = /dev/null ] || cat "$rows"; }; }

# staged_row KIND: $row is the only one of it, or empty.
staged_row() {
    row=
    ! staged "$1" || IFS= read -r row <"$rows" || return 0
}

# The check sees a copy of /etc with the new files laid over it, because includes and
# maps are named by absolute paths: a checker pointed at a staged file would read the
# live ones beside it (docs/decisions). Of /etc only those folders are copied in which something
# changes; the others are seen as they are.
build_staged_tree() {
    mkdir -m 755 "$stage/tree/etc" || return 1
    : >"$stage/over" && : >"$stage/through" || return 1
    set --
    staged stage
    while IFS="$tab" read -r path _; do set -- "$@" "$path"; done <"$rows"
    staged remove
    while IFS= read -r path; do set -- "$@" "$path"; done <"$rows"
    staged recipe
    while IFS="$tab" read -r _ path _; do set -- "$@" "$path"; done <"$rows"
    copy_tops "$@" && stay_inside "$@" && stage_files && stage_recipes
}

# copy_tops PATH...: the folders and files in /etc that these are or lie in.
copy_tops() {
    tops=$newline all=
    for path; do
        case $path in /etc/*) path=${path#/etc/} ;; *) continue ;; esac
        case $tops in *"$newline${path%%/*}$newline"*) ;; *) tops=$tops${path%%/*}$newline ;; esac
        # A name can be mounted over where it is there, and stays; else all of /etc is.
        if [ ! -e "/etc/${path%%/*}" ] || [ -L "/etc/${path%%/*}" ] || [ "$path" = "${path#*/}" ]; then all=1; fi
    done
    set --
    if [ "$all" ]; then
        echo / >"$stage/over"
        for name in /etc/* /etc/.[!.]*; do
            if is_shown_through "$name"; then
                (umask 022 && mkdir "$stage/tree$name") && echo "$name" >>"$stage/through" || return 1
            elif [ -e "$name" ] || [ -L "$name" ]; then
                set -- "$@" "$name"
            fi
        done
    else
        for name in $tops; do set -- "$@" "/etc/$name"; echo "/etc/$name" >>"$stage/over"; done
    fi
    [ $# -eq 0 ] || cp -a -- "$@" "$stage/tree/etc/"
}

stage_files() {
    # A link such as a resolver's stub is replaced, never written through.
    late='' settling=''
    staged stage
    while IFS="$tab" read -r path index _ _ mode; do
        case $path in /etc/*) ;; *) continue ;; esac
        new=$stage/tree$path
        [ -d "${new%/*}" ] || (umask 022 && mkdir -p "${new%/*}")
        [ ! -L "$new" ] || rm -f "$new"
        install -m "$mode" "$stage/files/$index" "$new" || return 1
        is_settled_file "$path" || continue
        settling="$settling $new"
    done <"$rows"
    staged remove
    while IFS= read -r path; do late="$late $stage/tree$path"; done <"$rows"
    # Managed paths have no white space.
    # shellcheck disable=SC2086
    { [ -z "$late" ] || rm -f $late; } && { [ -z "$settling" ] || settled $settling; }
}

stage_recipes() {
    staged recipe
    while IFS="$tab" read -r kind path subject; do
        run_recipe stage "$kind" "$path" "$subject" || return 1
    done <"$rows"
}

# The host's certificate, and another one of the key that is there.
recipe_self_signed() { make_own_certificate '' "$@"; }
recipe_renewed() { make_own_certificate "$2" "$@"; }

# make_own_certificate KEY VERB PATH SUBJECT
make_own_certificate() {
    case $2 in
        has) return 1 ;; # whoever reads the certificate judges it: that takes less than openssl(1)
        stage)
            make_certificate "$stage/made" "$4" "$1" || return 1
            (umask 022 && mkdir -p "$stage/tree${3%/*}")
            cp -p "$stage/made" "$stage/tree$3"
            ;;
        make)
            (umask 022 && mkdir -p "${3%/*}")
            cp -p "$stage/made" "$3.mailprov-new" && label_as "$3" "$3.mailprov-new" &&
                sync "$3.mailprov-new" && do_activate "$3"
            ;;
    esac
}

# is_shown_through PATH: the hundreds of certificates that the system trusts, with which no file
# of a site lies, are not copied: the checkers see them where they are.
is_shown_through() {
    case $1 in /etc/ssl | /etc/pki) [ -d "$1" ] && [ ! -L "$1" ] ;; *) return 1 ;; esac
}

# stay_inside PATH...: a folder that is a link to elsewhere would lead the staging into the live tree.
stay_inside() {
    asked='' seen=$newline
    for path; do
        case $seen in *"$newline${path%/*}$newline"*) continue ;; esac
        seen=$seen${path%/*}$newline asked="$asked $stage/tree${path%/*}"
    done
    [ -n "$asked" ] || return 0
    # Managed paths have no white space.
    # shellcheck disable=SC2086
    found=$(realpath -m $asked) || return 1
    for path in $asked; do
        case $newline$found$newline in *"$newline$path$newline"*) continue ;; esac
        echo "${path#"$stage/tree"} is or lies below a symbolic link; make it a folder of its own" >&2
        return 1
    done
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
    set --
    staged check
    while IFS= read -r row; do set -- "$@" "$row"; done <"$rows"
    [ $# -gt 0 ] || return 0
    section step check
    # shellcheck disable=SC2154
    # program_checks is set by program.py.
    if ! { build_staged_tree && printf '%s\n' "$program_checks" >"$stage/checks"; } >"$output" 2>&1; then
        section failed check
        sed 's/^/|/' "$output"
        exit 70
    fi
    # shellcheck disable=SC2016
    # The quoted text is for the inner shell. None of its mounts may be seen out here: the tree is
    # deleted, and what is shown through is live.
    unshare -m --propagation private sh -c '
        stage=$1
        shift
        . "$stage/checks"
        enter_staged_tree "$@" || exit 70
        check_daemons "$@"
        [ "$checks_failed" -eq 0 ] || exit 65
    ' mailprov "$stage" "$@"
}
