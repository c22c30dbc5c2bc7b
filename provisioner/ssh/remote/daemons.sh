# shellcheck shell=sh
# What daemons need of each other and of the host beyond their files: the sockets between
# them, and the place where mail lies.

# observe_links: for each row `link` (path, account) whether somebody listens there, whether
# the account may connect, and whether `nobody` may.
observe_links() {
    pick link
    [ -n "$picked" ] || return 0
    section links
    # A flag of the kernel's says that a socket takes connections.
    taking=$(awk '$4 == "00010000" { print $8 }' /proc/net/unix)
    printf '%s\n' "$picked" | while IFS="$tab" read -r path account; do
        seen=$(stat -L --printf '%F\t%U\t%G\t%a' -- "$path" 2>/dev/null) || seen="$tab$tab$tab"
        case $newline$taking$newline in *"$newline$(readlink -f -- "$path")$newline"*) listening=yes ;; *) listening=no ;; esac
        printf '%s\t%s\t%s\t%s\t%s\n' "$path" "$seen" "$listening" \
            "$(may_write "$account" "$path")" "$(may_write nobody "$path")"
    done
}

# may_write ACCOUNT PATH: whether it can, on the whole way there. To write is to connect, unix(7).
may_write() { if as_account "$1" test -w "$2" 2>/dev/null; then echo yes; else echo no; fi; }

# as_account ACCOUNT COMMAND...: run it with that account's user, groups and nothing more.
as_account() {
    user=$(id -u "$1") && group=$(id -g "$1") || return
    shift
    setpriv --reuid "$user" --regid "$group" --init-groups "$@"
}

# What is tried in a folder, and in the folders within it: write, bring to the disk, remove.
# shellcheck disable=SC2016
# The quoted text is for a shell of its own: a disk may be full for all but root, so that this
# runs as the account that owns the mail.
program_store='
    # Whoever was left because of a file system that hangs, cleans up once it goes on.
    trap "" PIPE
    within=$1 folder=$2
    shift 2
    if [ "$within" = within ]; then
        for one in "$folder"/*/; do
            # No domain has another character in its name.
            case ${one#"$folder"/} in *[!-a-z0-9./]*) ;; *) set -- "$@" "${one%/}" ;; esac
        done
    fi
    set -- "$folder" "$@"
    count=$#
    while [ "$count" -gt 0 ]; do
        file=$1/.mailprov-store.$$ said=
        if ! { printf "%4096s" "" >"$file"; } 2>/dev/null; then
            said=$({ head -c 4096 /dev/zero >"$file"; } 2>&1)
            said=${said:-cannot be written}
        fi
        printf "folder\t%s\t%s\n" "$1" "${said##*: }"
        set -- "$@" "$file"
        shift
        count=$((count - 1))
    done
    sync "$@" 2>&1 | sed -n "s/^sync: error syncing [^/]*\(\/.*\)\/\.mailprov-store[^:]*: /folder\t\1\t/p"
    rm -f "$@"
    printf "finished\t%s\t\n" "$folder"
'

# observe_store: for each row `store` (folder, account, Dovecot's unit, `within` or `alone`) what
# comes of that, where Dovecot sees it. A file system may hang, and who waits for it cannot even
# be killed: it is left to itself after a while.
observe_store() {
    pick store
    [ -n "$picked" ] || return 0
    section store
    printf '%s\n' "$picked" | while IFS="$tab" read -r folder account unit within; do
        tell_unmounted "$folder"
        printf 'begun\t%s\t\n' "$folder"
        main=$(systemctl show -p MainPID --value "$unit" 2>/dev/null)
        { try_folder "${main:-1}" "$account" "$within" "$folder" </dev/null 2>/dev/null & } | timeout 8 cat
    done
}

# try_folder PROCESS ACCOUNT WITHIN FOLDER: in the mount namespace of that process.
try_folder() {
    [ -e "/proc/$1/ns/mnt" ] || { shift && set -- 1 "$@"; }
    user=$(id -u "$2") && group=$(id -g "$2") || return
    exec nsenter --mount --target "$1" setpriv --reuid "$user" --regid "$group" --init-groups \
        sh -c "$program_store" mailprov "$3" "$4"
}

# tell_unmounted FOLDER: units that are to mount it, or a folder above it, and do not.
tell_unmounted() {
    above=$1
    set --
    while [ -n "$above" ]; do
        set -- "$@" "$(systemd-escape -p --suffix=mount "$above")"
        above=${above%/*}
    done
    [ $# -eq 0 ] || systemctl show -p Id -p LoadState -p ActiveState "$@" 2>/dev/null | awk -F = '
        $1 == "Id" { id = $2 }
        $1 == "LoadState" { load = $2 }
        $1 == "ActiveState" { active = $2 }
        $0 == "" { tell() }
        END { tell() }
        function tell() {
            if (load == "loaded" && active != "active") print "unmounted\t" id "\t"
            load = ""
        }'
}
