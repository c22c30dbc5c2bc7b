# shellcheck shell=sh
# What `mailprov status` asks beyond the plan; nothing of it runs without a status row.
observe_status() {
    pick status
    printf '%s\n' "$picked" | while IFS="$tab" read -r subject argument; do
        case $subject in
            clock)
                section clock
                date +%s
                section applied
                stat -c %Y "$state/head" 2>/dev/null
                ;;
            units)
                section since
                pick unit
                # Unit names have no white space.
                # shellcheck disable=SC2086
                units_since $names
                ;;
            disk)
                # Before the first mail the folder may not be there; its disk is.
                while [ -n "$argument" ] && [ ! -e "$argument" ]; do argument=${argument%/*}; done
                section disk
                df -P -k "${argument:-/}" 2>/dev/null | limited | tail -n 1
                ;;
            queue) observe_queue "$argument" ;;
        esac
    done
}

# units_since UNIT...: when each came up, as `@SECONDS`, which systemd says itself from 247 on.
units_since() {
    systemctl show --timestamp=unix -p Id -p ActiveEnterTimestamp "$@" 2>/dev/null && return
    systemctl show -p Id -p ActiveEnterTimestamp "$@" | while IFS= read -r line; do
        case $line in
            ActiveEnterTimestamp=?*) date -d "${line#*=}" +ActiveEnterTimestamp=@%s ;;
            *) printf '%s\n' "$line" ;;
        esac
    done
}

# observe_queue LIMIT: how many messages wait, and the LIMIT oldest of them as postqueue(1)
# tells them, a JSON object a line. A queue may hold any number; the answer stays small.
observe_queue() {
    section queue
    { postqueue -j 2>/dev/null; printf 'ended\t%s\n' "$?"; } | awk -F '\t' -v oldest="sort -n | head -n $1 | cut -f 2-" '
        # A queue of 100,000 messages is some 50 MiB.
        (octets += length($0) + 1) > 268435456 { exit }
        /^ended\t/ { status = $2; next }
        match($0, /"arrival_time": *[0-9]+/) {
            arrival = substr($0, RSTART, RLENGTH)
            sub(/.*: */, "", arrival)
            total++
            print arrival "\t" $0 | oldest
        }
        END { close(oldest); print "total\t" total + 0; print "ended\t" status }'
}
