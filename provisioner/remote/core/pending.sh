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
read_head() { IFS="$tab" read -r serial_in_force generation_in_force <"$state/head"; } 2>/dev/null
pending_row() { rows "$1" <"$pending/about"; }

# A number is used again after a return; the token tells one transaction from the next.
pending_id() { printf '%s-%s\n' "$(pending_row serial)" "$(pending_row token)"; }

# is_pending_whole: all that is needed to undo it can be read. What is not is left as it is.
is_pending_whole() {
    case $(pending_row serial) in '' | *[!0-9]*) return 1 ;; esac
    [ -n "$(pending_row token)" ] && [ -f "$pending/units" ] || return 1
    for list in about paths units; do [ -z "$(tail -c 1 "$pending/$list")" ] || return 1; done
    awk -F '\t' 'NF < 2 { exit 1 }' "$pending/paths" &&
        awk -F '\t' 'NF < 4 { exit 1 }' "$pending/units"
} 2>/dev/null

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
    if [ "$(head_serial)" = "$(pending_row serial)" ]; then
        finish_pending "$1"
    else
        undo_pending "$1" "$2"
    fi || return 1
    prune_generations
    rm -rf "$pending.old" && mv -T "$pending" "$pending.old" && sync "$state" && rm -rf "$pending.old"
    clean_litter
}

# What a transaction that broke off laid beside its places; $state/litter names them.
clean_litter() {
    [ -f "$state/litter" ] && [ ! -d "$pending" ] || return 0
    while IFS= read -r path; do
        name_old "$path"
        rm -rf "$path.mailprov-new" "$old" "$path.mailprov-final" "$path.mailprov-soft"
    done <"$state/litter"
    rm -f "$state/litter" "$state/probe-secret.new" "$state/probe-token.new"
}

# The last ten that were confirmed stay, and the one in force; one that never was goes.
# The order is that of the transactions: clocks are set back, and files get copied.
prune_generations() {
    for folder in "$state/generations"/*; do
        case ${folder##*/} in
            0 | "$(head_generation)") ;;
            *) [ -e "$folder/manifest" ] || rm -rf "$folder" ;;
        esac
    done
    for folder in "$state/generations"/*; do
        case ${folder##*/} in 0 | "$(head_generation)" | '*') continue ;; esac
        printf '%s\t%s\n' "$(cat "$folder/serial" 2>/dev/null || echo 0)" "$folder"
    done | sort -rn | tail -n +10 | cut -f 2 | while IFS= read -r folder; do rm -rf "$folder"; done
    return 0
}

# arm_return SECONDS: a timer of this host's own, which needs neither the connection nor
# whoever opened it. Without the accuracy given, systemd may be a minute late.
arm_return() {
    disarm_return
    systemd-run -q --collect --unit="$return_unit" --on-active="$1" --timer-property=AccuracySec=100ms \
        /bin/sh "$state/recover" late
}

disarm_return() {
    systemctl -q stop "$return_unit.timer" 2>/dev/null
    systemctl reset-failed "$return_unit.timer" "$return_unit.service" 2>/dev/null
    return 0
}

is_armed() { systemctl -q is-active "$return_unit.timer" || systemctl -q is-active "$return_unit.service"; }
