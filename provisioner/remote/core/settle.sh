# shellcheck shell=sh
# Settle a pending transaction: `confirm ID` keeps the new configuration, `return ID
# REASON` puts the old one back, `abandoned` settles one that nobody waits for. `extend ID
# SECONDS` settles nothing: the host waits so long for its confirmation from now on.
#
# Exit status: 0 done, 66 no such transaction is pending (it has returned already, and
# the answer says why), 70 a step failed (the timer is still armed and tries again), 71 the
# confirmation failed, or there is no more time to be had, and the old configuration is back,
# 75 another program is at work.

# The generation is remembered in full before the head names it, and what finishing needs
# room for is there.
confirm() {
    read_about
    folder=$state/generations/$about_generation
    printf '%s\n' "$about_serial" >"$folder/serial" && cp "$pending/manifest" "$folder/manifest.new" &&
        sync "$folder/serial" "$folder/manifest.new" &&
        mv -f "$folder/manifest.new" "$folder/manifest" && sync "$folder" || return 1
    [ ! -e "$pending/directory" ] || ln -f "$pending/directory" "$state/directory/left.new" || return 1
    set_head "$about_serial" "$about_generation"
}

# extend SECONDS: who has the timer's program wait for our lock stops it: it has done nothing yet. That
# the disk takes a file is a part of the promise that the confirmation will be kept.
extend() {
    printf '%s\n' "$1" >"$pending/within.new" && put_in_place "$pending/within" || return 1
    systemctl -q stop "$return_unit.service" 2>/dev/null
    rearm_return "$1"
}

# What has begun is finished, whoever else wants this to end.
trap '' PIPE HUP INT TERM
exec 3>&1
exec 9>>"$state/lock" || exit 70
if ! flock -w 20 9; then
    section locked
    cat "$state/holder" 2>/dev/null
    exit 75
fi
if [ "$1" = abandoned ]; then
    if [ -d "$pending" ] && is_armed; then
        section locked
        read_about
        echo "the configuration that $about_owner applied waits to be confirmed"
        exit 75
    fi
    settle_pending now "returned: broken off" || exit 70
    tell_held
    section finished
    exit 0
fi
read_pending_id
if [ ! -d "$pending" ] || [ "$pending_id" != "$2" ]; then
    section history
    tail -n 1 "$state/history" 2>/dev/null
    exit 66
fi
# The lock keeps the timer's program waiting; the timer is stopped when all is settled.
reason=${3-}
if [ "$1" = extend ]; then
    section step extend
    if extend "$3"; then
        section finished
        exit 0
    fi
    reason="it could not wait any longer"
fi
serial=$about_serial
section step "$1"
if [ "$1" = confirm ]; then
    if refused_reload >&2; then
        reason="Dovecot could not use its new configuration"
    else
        confirm || reason="it could not be confirmed"
    fi
fi
section step settle
settle_pending now "returned: $reason" || exit 70
section step disarm
disarm_return
tell_held
read_head
[ "$1" = return ] || [ "$serial_in_force" = "$serial" ] || exit 71
section finished
