# shellcheck shell=sh
# What daemons need of each other and of the host beyond their files: the sockets between
# them, and the place where mail lies.

# observe_links: of the paths that the rows `link` (path, account) name what stat(1) says, on which
# of them somebody listens, and to which of the accounts, and to nobody(7), each is open.
observe_links() {
    pick link
    [ -n "$picked" ] || return 0
    section links
    # Paths and accounts have no white space.
    # shellcheck disable=SC2086
    stat -L --printf 'is\t%n\t%F\t%U\t%G\t%a\n' -- $names 2>/dev/null
    # A flag of the kernel's says that a socket takes connections.
    awk -v wanted="$names " '
        $4 == "00010000" && NF == 8 && index(wanted, " " $8 " ") { print "takes\t" $8 }' /proc/net/unix
    accounts=' '
    # No here-document: some shells write a file for it.
    set -f
    IFS=$newline
    for row in $picked "${tab}nobody"; do
        account=${row##*"$tab"}
        case $accounts in *" $account "*) ;; *) accounts="$accounts$account " ;; esac
    done
    unset IFS
    # shellcheck disable=SC2086
    for row in $(getent passwd $accounts | cut -d : -f 1,3,4); do
        ids=${row#*:}
        # shellcheck disable=SC2086
        tell_open "${row%%:*}" "${ids%:*}" "${ids#*:}" $names
    done
    set +f
}

# tell_open ACCOUNT UID GID PATH...: which of them it may write, on the whole way there: to write to a
# socket is to connect, unix(7).
tell_open() {
    account=$1 user=$2 group=$3
    shift 3
    if [ "$user" = 0 ]; then
        for path; do [ ! -w "$path" ] || printf 'opens\t%s\t%s\n' "$path" "$account"; done
        return
    fi
    # shellcheck disable=SC2016
    # The quoted text is for the inner shell.
    setpriv --reuid "$user" --regid "$group" --init-groups sh -c '
        account=$1
        shift
        for path; do [ ! -w "$path" ] || printf "opens\t%s\t%s\n" "$path" "$account"; done' mailprov "$account" "$@" </dev/null
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
        about=$(about_mounts "$unit" "$folder")
        main=
        set -f
        IFS=$newline
        for line in $about; do
            case $line in
                "unmounted "*) printf 'unmounted\t%s\t\n' "${line#* }" ;;
                "main "*) main=${line#* } ;;
            esac
        done
        unset IFS
        set +f
        printf 'begun\t%s\t\n' "$folder"
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

# mount_units PATH...: what systemd.unit(5) calls their mounts; most names need no program for that.
mount_units() {
    for path; do
        case $path in *[!A-Za-z0-9_./]* | */.*) systemd-escape -p --suffix=mount "$path" && continue ;; esac
        path=${path#/} escaped=
        while [ -n "$path" ]; do
            escaped=$escaped${escaped:+-}${path%%/*}
            case $path in */*) path=${path#*/} ;; *) path= ;; esac
        done
        printf '%s.mount\n' "$escaped"
    done
}

# about_mounts UNIT FOLDER: the process of that unit, and units that are to mount the folder, or
# one above it, and do not.
about_mounts() {
    unit=$1 above=$2
    set --
    while [ -n "$above" ]; do
        set -- "$@" "$above"
        above=${above%/*}
    done
    # shellcheck disable=SC2046
    # Escaped names have no white space.
    systemctl show -p Id -p LoadState -p ActiveState -p MainPID "$unit" \
        $(mount_units "$@") 2>/dev/null | awk -F = '
        function tell() {
            if (about["MainPID"] > 0) print "main " about["MainPID"]
            if (about["Id"] ~ /\.mount$/ && about["LoadState"] == "loaded" && about["ActiveState"] != "active")
                print "unmounted " about["Id"]
            split("", about)
        }
        $0 == "" { tell(); next }
        { about[$1] = $2 }
        END { tell() }'
}
