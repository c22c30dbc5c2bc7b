# shellcheck shell=sh
# Debian's invoke-rc.d(8) asks this program whether a daemon may start when its package comes.

policy=/usr/sbin/policy-rc.d

is_our_policy() { [ -e "$policy" ] && grep -qs '^# mailprov:' "$policy"; }

hold_daemons() {
    # An operator's own policy stays as it is; ours goes away however this ends, one that
    # a power loss left behind included.
    if [ -e "$policy" ] && ! is_our_policy; then return 0; fi
    trap 'rm -f "$policy"' EXIT
    trap 'exit 130' HUP INT TERM
    printf '#!/bin/sh\n# mailprov: no daemon starts while packages install\nexit 101\n' >"$policy" &&
        chmod 755 "$policy"
}

# forget_policy: after a power loss it is there still, and would keep daemons down in every upgrade.
# Whoever is just installing has use for it.
forget_policy() {
    ! is_our_policy || flock -n "$state/installing" rm -f "$policy"
    return 0
}
