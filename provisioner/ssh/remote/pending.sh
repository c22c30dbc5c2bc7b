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
# revives a removed user or a revoked password.

pending=$state/pending
return_unit=mailprov-return

head_serial() { cut -f 1 "$state/head" 2>/dev/null; }
head_generation() { cut -f 2 "$state/head" 2>/dev/null; }
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
    printf '%s\t%s\n' "$1" "$2" >"$state/head.new" && sync "$state/head.new" &&
        mv -f "$state/head.new" "$state/head" && sync "$state"
}

# note_history SERIAL PLANE GENERATION OWNER OUTCOME: append what became of a transaction.
# A full disk must not keep a host from returning: a line may be missing.
note_history() {
    { printf '%s\t%s\t%s\t%s\t%s\t%s\n' "$(date -u +%Y-%m-%dT%H:%M:%SZ)" "$@" >>"$state/history" &&
        sync "$state/history"; } 2>/dev/null
    return 0
}

# sync_folder PATH: the names in the folder of PATH are on the disk.
sync_folder() { [ ! -d "${1%/*}" ] || sync "${1%/*}"; }

# undo_path PATH was|absent: what is there already stays.
undo_path() {
    rm -f "$1.mailprov-new" "$1.mailprov-final"
    if [ "$2" = absent ]; then
        rm -f "$1"
    elif [ -e "$1.mailprov-old" ] || [ -L "$1.mailprov-old" ]; then
        # Two names of one file, where the new one never came: mv(1) would refuse.
        if [ "$(stat -c %i "$1" 2>/dev/null)" = "$(stat -c %i "$1.mailprov-old")" ]; then
            rm -f "$1.mailprov-old"
        else
            mv -fT "$1.mailprov-old" "$1"
        fi
    fi && sync_folder "$1"
}

# Files that others name come first, then main.cf, which Postfix rereads whenever one of
# its processes starts, and last what was not there before goes.
undo_files() {
    awk -F '\t' -v main="$(pending_row main)" '
        { print ($2 == "absent" ? 3 : $1 == main ? 2 : 1) "\t" $0 }' "$pending/paths" |
        sort -s -n -k 1,1 | while IFS="$tab" read -r _ path before; do
        undo_path "$path" "$before" || exit 1
    done
}

# undo_units boot|now: every service as it was. At boot systemd has made its plan already,
# from what was enabled before: what it left out is added.
undo_units() {
    while IFS="$tab" read -r unit running enabled active; do
        if [ "$enabled" = enabled ]; then systemctl -q enable "$unit"; else systemctl -q disable "$unit"; fi 2>/dev/null
        systemctl reset-failed "$unit" "$running" 2>/dev/null
        case $1$active in
            bootactive | bootreloading | bootactivating) systemctl --no-block start "$unit" ;;
            nowactive | nowreloading | nowactivating) systemctl restart "$unit" ;;
            *) systemctl --no-block stop "$unit" 2>/dev/null ;;
        esac
    done <"$pending/units"
    return 0
}

undo_pending() {
    main=$(pending_row main)
    hold_mail "$pending/domains.after" "$pending/domains.before"
    undo_files && undo_units "$1" || return 1
    # It may have been softened for the sake of another daemon, and be no unit of this.
    if [ -n "$main" ] && [ "$1" != boot ]; then postfix reload >/dev/null 2>&1; fi
    release_mail "$main" &&
        note_history "$(pending_row serial)" configuration "$(pending_row generation)" "$(pending_row owner)" "$2"
}

# What was only for the time of waiting goes: the old files, and Postfix's patience with
# what it cannot deliver.
finish_pending() {
    main=$(pending_row main)
    # What came while the old configuration was still in force.
    hold_mail "$pending/domains.before" "$pending/domains.after"
    if [ -n "$main" ] && [ -e "$main.mailprov-final" ]; then
        mv -fT "$main.mailprov-final" "$main" && sync_folder "$main" || return 1
    fi
    if [ -n "$main" ] && [ "$1" != boot ]; then postfix reload >/dev/null 2>&1; fi
    while IFS="$tab" read -r path _; do rm -f "$path.mailprov-old"; done <"$pending/paths"
    release_mail "$main"
    note_history "$(pending_row serial)" configuration "$(pending_row generation)" "$(pending_row owner)" confirmed
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
        rm -f "$path.mailprov-new" "$path.mailprov-old" "$path.mailprov-final" "$path.mailprov-soft"
    done <"$state/litter"
    rm -f "$state/litter"
}

# The last ten that were confirmed stay, and the one in force; one that never was goes.
prune_generations() {
    for folder in "$state/generations"/*; do
        case ${folder##*/} in
            0 | "$(head_generation)") ;;
            *) [ -e "$folder/manifest" ] || rm -rf "$folder" ;;
        esac
    done
    find "$state/generations" -mindepth 2 -maxdepth 2 -name manifest -printf '%T@ %h\n' | sort -rn |
        cut -d ' ' -f 2- | grep -vxF -e "$state/generations/0" -e "$state/generations/$(head_generation)" |
        tail -n +10 | while IFS= read -r folder; do rm -rf "$folder"; done
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
