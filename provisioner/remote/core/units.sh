# shellcheck shell=sh
# Services are changed, and put back as they were.

# change_unit VERB UNIT RUNNING: RUNNING is the unit whose state counts.
change_unit() {
    # systemd refuses what was started too often just now; this start has a reason.
    [ "$1" = reload ] || systemctl reset-failed "$2" "$3" 2>/dev/null
    if systemctl "$1" "$2" && systemctl is-active --quiet "$3"; then return 0; fi
    tell_last_lines "$3" >&2
    return 1
}

tell_last_lines() {
    echo "$1 is $(systemctl is-active "$1"); its last lines:"
    journalctl -u "$1" -n 12 --no-pager -o cat
}

# refused_reload: what Dovecot said of new files that it cannot use. Told to read them, it goes
# on with its old ones, says so in its log alone, and does not come up at its next start.
refused_reload() {
    grep -q "^dovecot.service$tab" "$pending/units" && begun=$(stat -c %Y "$pending/about") || return 1
    # By the clock, which may have been set back, and by the journal's own order, which may have
    # begun anew.
    {
        set -- journalctl -q -u dovecot.service -o cat
        "$@" --since "@$begun"
        [ ! -s "$pending/cursor" ] || "$@" --after-cursor "$(cat "$pending/cursor")"
    } 2>/dev/null | awk '
        /SIGHUP received - reloading|Dovecot v.* starting up/ { refused = "" }
        /Config reload failed:|reload configuration because|Error reading configuration:|Failed to read configuration:/ { refused = $0 }
        END { if (refused == "") exit 1; print "dovecot: " refused }'
}

# undo_unit VERB UNIT RUNNING: what a reload put in force a reload takes back, without a pause.
# Postfix writes its process number when it starts, and on a full disk it would stay down.
# Dovecot may refuse a reload, and only log it.
undo_unit() {
    [ "$1 $2" = "reload postfix.service" ] && systemctl -q is-active "$3" && change_unit reload "$2" "$3" >/dev/null 2>&1
}

# undo_units boot|now: every service as it was. At boot systemd has made its plan already,
# from what was enabled before: what it left out is added. A service that does not come up
# keeps nothing else from returning; it is told, and `down` names it.
undo_units() {
    down=
    while IFS="$tab" read -r unit running enabled active verb; do
        if [ "$enabled" = enabled ]; then systemctl -q enable "$unit"; else systemctl -q disable "$unit"; fi 2>/dev/null
        case $1$active in
            bootactive | bootreloading | bootactivating)
                systemctl reset-failed "$unit" "$running" 2>/dev/null
                systemctl --no-block start "$unit"
                ;;
            nowactive | nowreloading | nowactivating)
                undo_unit "$verb" "$unit" "$running" && continue
                said=$(change_unit restart "$unit" "$running" 2>&1) && continue
                down="$down $running"
                section down "$running"
                printf '%s\n' "$said" | sed 's/^/|/'
                ;;
            *)
                systemctl reset-failed "$unit" "$running" 2>/dev/null
                systemctl --no-block stop "$unit" 2>/dev/null
                ;;
        esac
    done <"$pending/units"
    return 0
}
