# shellcheck shell=sh
# The host's lock: whoever changes it holds this, and who holds it can be read.

# lock_host OWNER: take the lock, or say who holds it and leave with 75.
lock_host() {
    mkdir -p "$state" && chmod 700 "$state" || exit 70
    exec 9>>"$state/lock"
    if ! flock -n 9; then
        section locked
        cat "$state/holder" 2>/dev/null
        exit 75
    fi
    # The kernel frees the lock with its holder, however that ends; this only tells who.
    printf '%s since %s\n' "$1" "$(date -u +%Y-%m-%dT%H:%M:%SZ)" >"$state/holder"
}
