# shellcheck shell=sh
# The pending transaction: a new configuration that is in force and not confirmed yet.
# $state/pending tells what it replaced; the old files lie beside the new ones, as
# PATH.mailprov-old, so that putting them back is a rename and needs no room on the disk.
# The folder appears by one rename before the first live file changes, and goes by one
# rename when the transaction is settled.
#
# What it comes to is decided by $state/head, one line with the serial number and the
# generation in force: if it names this transaction, it was confirmed and only has to be
# finished; else it is undone. So power may fail at any point.
#
# The directory plane (accounts, passwords, users' files) is never in it: no return
# revives a removed user or a revoked password. (undo.sh, units.sh, finish.sh)

pending=$state/pending
return_unit=mailprov-return

# name_old PATH: $old is where what a pending configuration replaced is kept. ufw takes whatever lies
# beside a profile for another one, and the last that it reads counts; the ends of names that it
# passes over are few.
name_old() { case $1 in /etc/ufw/*) old=$1.mailprov-old~ ;; *) old=$1.mailprov-old ;; esac; }

head_serial() { read_head && printf '%s\n' "$serial_in_force"; }
head_generation() { read_head && printf '%s\n' "$generation_in_force"; }

# read_head: in $serial_in_force and $generation_in_force.
read_head() {
    serial_in_force='' generation_in_force=''
    IFS="$tab" read -r serial_in_force generation_in_force <"$state/head"
} 2>/dev/null

# read_about: what is known of the transaction, in $about_serial and the like; empty where nothing is.
# The shell itself reads it: starting a program takes longer.
# shellcheck disable=SC2034
# Each part uses some.
read_about() {
    about_serial='' about_generation='' about_owner='' about_token='' about_main=''
    while IFS="$tab" read -r about_word about_text; do
        case $about_word in
            serial) about_serial=$about_text ;;
            generation) about_generation=$about_text ;;
            owner) about_owner=$about_text ;;
            token) about_token=$about_text ;;
            main) about_main=$about_text ;;
        esac
    done <"$pending/about"
} 2>/dev/null

# A number is used again after a return; the token tells one transaction from the next.
read_pending_id() { read_about; pending_id=$about_serial-$about_token; }

# is_pending_whole: all that is needed to undo it can be read. What is not is left as it is.
is_pending_whole() {
    read_about
    case $about_serial in '' | *[!0-9]*) return 1 ;; esac
    [ -n "$about_token" ] && has_rows about '*' && has_rows paths "*$tab*" && has_rows units "*$tab*$tab*$tab*"
} 2>/dev/null

# has_rows LIST PATTERN: whole lines, each of which is like that.
has_rows() {
    list_row=
    while IFS= read -r list_row; do
        # shellcheck disable=SC2254
        # It is a pattern.
        case $list_row in $2) ;; *) return 1 ;; esac
    done <"$pending/$1" && [ -z "$list_row" ]
}

# set_head SERIAL GENERATION: the moment at which a transaction is through.
set_head() {
    printf '%s\t%s\n' "$1" "$2" >"$state/head.new" && put_in_place "$state/head"
}

# note_history SERIAL PLANE GENERATION OWNER OUTCOME: append what became of a transaction.
# A full disk must not keep a host from returning: a line may be missing.
note_history() {
    { printf '%s\t%s\t%s\t%s\t%s\t%s\n' "$(date -u +%Y-%m-%dT%H:%M:%SZ)" "$@" >>"$state/history" &&
        sync "$state/history"; } 2>/dev/null
    return 0
}

# settle_pending boot|now REASON: finish or undo, whichever head says.
settle_pending() {
    [ -d "$pending" ] || return 0
    is_pending_whole || { echo "$pending is damaged" >&2; return 1; }
    read_head
    if [ "$serial_in_force" = "$about_serial" ]; then
        finish_pending "$1"
    else
        undo_pending "$1" "$2"
    fi || return 1
    prune_generations
    [ ! -e "$pending.old" ] || rm -rf "$pending.old"
    mv -T "$pending" "$pending.old" && sync "$state" && rm -rf "$pending.old"
    clean_litter
}

# What a transaction that broke off laid beside its places; $state/litter names them.
clean_litter() {
    [ -f "$state/litter" ] && [ ! -d "$pending" ] || return 0
    set --
    while IFS= read -r path; do
        name_old "$path"
        for litter in "$path.mailprov-new" "$old" "$path.mailprov-final" "$path.mailprov-soft"; do
            if [ -e "$litter" ] || [ -L "$litter" ]; then set -- "$@" "$litter"; fi
        done
    done <"$state/litter"
    # In this order: the list goes last.
    rm -rf "$@" "$state/probe-secret.new" "$state/probe-token.new" "$state/litter"
}

# The last ten that were confirmed stay, and the one in force; one that never was goes.
# The order is that of the transactions: clocks are set back, and files get copied.
prune_generations() {
    read_head
    others='' count=0
    for folder in "$state/generations"/*; do
        case ${folder##*/} in 0 | "$generation_in_force" | '*') continue ;; esac
        if [ ! -e "$folder/manifest" ]; then
            rm -rf "$folder"
            continue
        fi
        number=
        { IFS= read -r number <"$folder/serial"; } 2>/dev/null
        others=$others${number:-0}$tab$folder$newline count=$((count + 1))
    done
    [ "$count" -gt 9 ] || return 0
    printf %s "$others" | sort -rn | {
        for _ in 1 2 3 4 5 6 7 8 9; do read -r _; done
        while IFS="$tab" read -r _ folder; do rm -rf "$folder"; done
    }
    return 0
}

# arm_return SECONDS: a timer of this host's own, which needs neither the connection nor
# whoever opened it. Without the accuracy given, systemd may be a minute late.
arm_return() {
    start_timer "$1" 2>/dev/null && return
    # One of before is there still.
    disarm_return
    systemctl reset-failed "$return_unit.timer" "$return_unit.service" 2>/dev/null
    start_timer "$1"
}

# Whether it has run or failed, it is forgotten when it is over.
start_timer() {
    systemd-run -q --collect --unit="$return_unit" --on-active="$1" --timer-property=AccuracySec=100ms \
        /bin/sh "$state/recover" late
}

# rearm_return SECONDS: from now on.
rearm_return() {
    disarm_return
    arm_return "$1"
}

disarm_return() {
    systemctl -q stop "$return_unit.timer" 2>/dev/null
    return 0
}

is_armed() { systemctl -q is-active "$return_unit.timer" || systemctl -q is-active "$return_unit.service"; }
