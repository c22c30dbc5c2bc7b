# shellcheck shell=sh
# Who listens on the ports that the generation wants, so that a port already taken is
# named with its owner before anything is changed. The manifest's rows `port` name transport
# and port, the port in four hexadecimal digits as in the kernel's tables (proc_pid_net(5)).
#
# The usual case costs a few programs: nobody listens, or the host's own daemons do. Only for a
# socket that is none of theirs is all of /proc searched.

# is_settled: nothing is about to start, or to read its files anew. A daemon that is up, with its
# files as they are wanted, has its ports.
is_settled() {
    [ -z "$differing" ] && [ ! -s "$state/unfinished" ] && [ ! -d "$pending" ] && ! lacks_packages && all_run
}

# all_run: every unit that is to run does, by what systemd has said.
all_run() {
    running=' '
    rest=$units_shown$newline$newline
    while [ -n "$rest" ]; do
        block=$newline${rest%%"$newline$newline"*}$newline
        rest=${rest#*"$newline$newline"}
        case $block in *"${newline}ActiveState=active$newline"*) ;; *) continue ;; esac
        case $block in *"${newline}SubState=running$newline"*) ;; *) continue ;; esac
        name=${block#*"${newline}Id="}
        running="$running${name%%"$newline"*} "
    done
    pick runs
    for name in $names; do
        case $running in *" $name "*) ;; *) return 1 ;; esac
    done
}

observe_ports() {
    pick port
    [ -n "$picked" ] || return 0
    listening=$(listening_on "$picked")
    [ -n "$listening" ] || return 0
    section listening
    printf '%s\n' "$listening"
    # shellcheck disable=SC2046
    # Inodes and paths below /proc have no white space.
    own=$(holders "$(printf '%s\n' "$listening" | awk '{ print $11 }')" $(own_processes))
    section own
    printf '%s\n' "$own" | cut -f 1
    strange=$(printf '%s\n%s\n' "$own" "$listening" | awk '
        NF == 2 { own[$1] = 1 }
        NF > 2 && !($11 in own) { print $11 }')
    [ -z "$strange" ] || name_strangers "$strange"
}

# listening_on ROWS: the lines of the kernel's tables that take connections or datagrams
# there, each headed by the table's name. Sockets that listen come first in the tables of
# TCP; the connections behind them, which may be many, are not read.
listening_on() {
    wanted_rows=$1
    set --
    for table in tcp tcp6 udp udp6; do
        [ ! -r "/proc/net/$table" ] || set -- "$@" "/proc/net/$table"
    done
    printf '%s\n' "$wanted_rows" | awk '
        NR == FNR { wanted[$1, $2] = 1; next }
        FNR == 1 {
            table = FILENAME
            sub(/.*\//, "", table)
            transport = substr(table, 1, 3)
            next
        }
        transport == "tcp" && $4 != "0A" { nextfile }
        (transport == "tcp" || $4 == "07") && (transport, substr($2, length($2) - 3)) in wanted {
            print table "\t" $0
        }' - "$@"
}

# Where the first processes of each unit that mailprov manages here have their files open: a
# daemon's master, which holds what it listens on, is the oldest.
own_processes() {
    printf '%s\n' "$units_shown" | sed -n 's/^ControlGroup=\(..*\)$/\1/p' | while IFS= read -r group; do
        for root in /sys/fs/cgroup /sys/fs/cgroup/systemd; do
            [ -r "$root$group/cgroup.procs" ] || continue
            count=0
            while [ "$count" -lt 4 ] && read -r process; do
                printf '/proc/%s/fd\n' "$process"
                count=$((count + 1))
            done <"$root$group/cgroup.procs"
            break
        done
    done
}

# holders INODES /proc/PID/fd...: for each socket the first of these processes that has it
# open, as rows of inode and process.
holders() {
    sockets=$1
    shift
    [ $# -gt 0 ] || return 0
    # shellcheck disable=SC2012
    # Of find, only GNU's can tell where a link leads; here nobody chose the names.
    # A second operand has ls head each folder with its name, however few there are.
    ls -lnU -- "$@" /dev/null 2>/dev/null | awk -v sockets="$(printf '%s' "$sockets" | tr '\n' ' ')" '
        BEGIN {
            count = split(sockets, list, " ")
            for (i = 1; i <= count; i++) open["socket:[" list[i] "]"] = list[i]
        }
        /^\/proc\// { split($0, part, "/"); next }
        $NF in open { print open[$NF] "\t" part[3]; delete open[$NF] }'
}

# name_strangers INODES: rows of inode, process, its unit, its name, the package that its
# program is from, its user's number and name; then what systemd knows of these units, and of
# sockets, which it may hold itself for a service that does not run yet; and who carries us. Of
# several processes with one socket the oldest counts: a daemon's master.
name_strangers() {
    section holders
    # shellcheck disable=SC2046
    # Paths below /proc have no white space.
    strangers=$(holders "$1" $(printf '%s\n' /proc/[0-9]*/fd | sort -t / -k 3n) | sort -k 2 | {
        known=
        while IFS="$tab" read -r inode process; do
            if [ "$process" != "$known" ]; then
                known=$process
                unit=$(unit_of "$process")
                name=$(tr -c '[:print:]' '?' <"/proc/$process/comm")
                package=$(package_of "$process")
                # Who owns /proc/PID a process can choose (proc(5), PR_SET_DUMPABLE).
                number=$(sed -n 's/^Uid:[[:space:]]*[0-9]*[[:space:]]*\([0-9]*\).*/\1/p' "/proc/$process/status")
                user=$(getent passwd "$number" | cut -d : -f 1)
            fi
            printf '%s\t%s\t%s\t%s\t%s\t%s\t%s\n' "$inode" "$process" "$unit" "${name%\?}" "$package" "$number" "$user"
        done 2>/dev/null
    })
    printf '%s\n' "$strangers"
    section connection
    connection_processes
    section displaced
    displaced_by_postfix "$(printf '%s\n' "$strangers" | cut -f 5 | sort -u)"
    section owners
    # shellcheck disable=SC2046
    # Unit names have no white space.
    systemctl show -p Id -p ActiveState -p UnitFileState -p Listen -p Triggers -p MainPID -- \
        $(printf '%s\n' "$strangers" | cut -f 3 | sort -u) '*.socket' 2>/dev/null
}

# connection_processes: rows of process and unit of all that this program hangs on: shells, sudo, sshd.
connection_processes() {
    above=$$
    while [ "${above:-0}" -gt 1 ]; do
        printf '%s\t%s\n' "$above" "$(unit_of "$above")"
        above=$(sed -n 's/^PPid:[[:space:]]*//p' "/proc/$above/status" 2>/dev/null)
    done
}

# unit_of PID: the unit whose control group it is in, nothing outside of any.
unit_of() {
    awk '/^0::|name=systemd:/ {
        count = split($0, part, "/")
        for (i = 2; i <= count; i++) if (part[i] ~ /\.(service|scope|socket|mount|swap)$/) { print part[i]; exit }
    }' "/proc/$1/cgroup" 2>/dev/null
}

package_of() {
    program=$(readlink "/proc/$1/exe") || return 0
    if have dpkg-query; then
        dpkg-query -S "$program" 2>/dev/null | sed -n '1s/:.*//p'
    elif have rpm; then
        # What it says of a file of nobody's goes to standard output too.
        owner=$(rpm -qf --qf '%{NAME}\n' "$program" 2>/dev/null) && printf '%s\n' "$owner" | head -n 1
    fi
}

# displaced_by_postfix PACKAGES: rows of a package and what has to go with it. Debian's mail
# servers exclude each other, and packages.sh removes nothing to make room; apt itself says,
# without doing it, what installing Postfix would remove.
displaced_by_postfix() {
    have apt-get || return 0
    pick package
    case "$names " in *" postfix "*) ;; *) return 0 ;; esac
    for package in $1; do
        dpkg-query -W -f '${Provides}\n' "$package" 2>/dev/null | grep -q mail-transport-agent || continue
        apt-get -s -q install postfix 2>/dev/null </dev/null | sed -n "s/^Remv \([^ ]*\).*/$package$tab\1/p"
    done
}
