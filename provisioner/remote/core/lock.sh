# shellcheck shell=sh
# Who changes a host holds its lock, which says who it is, and changes only what was
# observed before.

# lock_host OWNER: take the lock, or say who holds it and leave with 75.
lock_host() {
    [ -d "$state" ] || mkdir -p "$state" || exit 70
    chmod 700 "$state" || exit 70
    exec 9>>"$state/lock"
    if ! flock -n 9; then
        section locked
        cat "$state/holder" 2>/dev/null
        exit 75
    fi
    # The kernel frees the lock with its holder, however that ends; this only tells who.
    printf '%s since %s\n' "$1" "$(date -u +%Y-%m-%dT%H:%M:%SZ)" 2>/dev/null >"$state/holder"
}

refuse_if_pending() {
    [ -d "$pending" ] || return 0
    section locked
    read_about
    echo "the configuration that $about_owner applied waits to be confirmed"
    exit 75
}

# refuse_if_changed SERIAL: the decision was made from what was observed after that
# transaction; somebody may have applied in between.
refuse_if_changed() {
    refuse_if_pending
    read_head
    if [ "$1" != "$serial_in_force" ]; then
        section locked
        echo "applied by somebody else since it was observed"
        exit 75
    fi
}
