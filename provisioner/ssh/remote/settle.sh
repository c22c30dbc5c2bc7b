# shellcheck shell=sh
# Settle a pending transaction: `confirm ID` keeps the new configuration, `return ID
# REASON` puts the old one back, `abandoned` settles one that nobody waits for.
#
# Exit status: 0 done, 66 no such transaction is pending (it has returned already, and
# the answer says why), 70 a step failed (the timer is still armed and tries again), 71 the
# confirmation failed and the old configuration is back, 75 another program is at work.

# Users' files of another kind came, and would have gone, with the configuration.
adopt_directory() {
    [ -e "$pending/directory" ] || return 0
    cp "$pending/directory" "$state/directory/left.new" && sync "$state/directory/left.new" &&
        mv -f "$state/directory/left.new" "$state/directory/left" && sync "$state/directory" &&
        rm -f "$state/unfinished" "$state/activating" && keep_directory "$(pending_row serial)" &&
        note_history "$(pending_row serial)" directory "$(pending_row generation)" "$(pending_row owner)" "in force"
}

# make_newest FILE: generations go by the age of their manifests, also where the clock was
# ahead when an earlier one was confirmed.
make_newest() {
    newest=$(find "$state/generations" -mindepth 2 -maxdepth 2 -name manifest -printf '%Ts\n' | sort -n | tail -n 1)
    [ "${newest:-0}" -lt "$(date +%s)" ] || touch -d "@$((newest + 1))" "$1"
}

# The generation is remembered in full before the head names it.
confirm() {
    folder=$state/generations/$(pending_row generation)
    cp "$pending/manifest" "$folder/manifest.new" && make_newest "$folder/manifest.new" && sync "$folder/manifest.new" &&
        mv -f "$folder/manifest.new" "$folder/manifest" && sync "$folder" && adopt_directory &&
        set_head "$(pending_row serial)" "$(pending_row generation)" &&
        rm -f "$state/unfinished" "$state/activating"
}

trap '' PIPE
exec 9>>"$state/lock" || exit 70
flock -w 20 9 || exit 75
if [ "$1" = abandoned ]; then
    if [ -d "$pending" ] && is_armed; then exit 75; fi
    settle_pending now "returned: broken off" || exit 70
    section finished
    exit 0
fi
if [ ! -d "$pending" ] || [ "$(pending_id)" != "$2" ]; then
    section history
    tail -n 1 "$state/history" 2>/dev/null
    exit 66
fi
# The lock keeps the timer's program waiting; the timer is stopped when all is settled.
reason=${3-}
section step "$1"
if [ "$1" = confirm ]; then confirm || reason="it could not be confirmed"; fi
section step settle
settle_pending now "returned: $reason" || exit 70
section step disarm
disarm_return
tell_held
[ "$1" != confirm ] || [ -z "$reason" ] || exit 71
section finished
