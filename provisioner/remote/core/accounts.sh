# shellcheck shell=sh
# Accounts of people. One whose user is disabled or has gone is locked and has expired: a lock alone
# (shadow(5), `!`) keeps no key of ssh(1) out, and neither cron(8) nor at(1).
#
#   $state/directory/expiry   until when accounts were to hold that expired this way: NAME DAYS (tabbed)
#   $state/directory/made     accounts that mailprov made, by name; the others were found

expired=1 # facts/host.py, EXPIRED

# note_made NAME: mailprov makes this account.
note_made() { mkdir -p "$state/directory" && printf '%s\n' "$1" >>"$state/directory/made" && sync "$state/directory/made"; }

# lock_account NAME: what runs in it ends, where mailprov made it: what an account was for before is
# nobody's to guess.
lock_account() {
    mkdir -p "$state/directory" && expire_account "$1" && usermod --lock "$1" || return 1
    ! grep -qxF "$1" "$state/directory/made" 2>/dev/null || end_processes_of "$1"
}

expire_account() {
    days=$(expiry_of "$1") || return 1
    [ "$days" != "$expired" ] || return 0
    {
        awk -F '\t' -v name="$1" '$1 != name' "$state/directory/expiry" 2>/dev/null
        printf '%s\t%s\n' "$1" "$days"
    } >"$state/directory/expiry.new" && put_in_place "$state/directory/expiry" && usermod --expiredate "$expired" "$1"
}

# revive_account NAME: it holds again as long as it did before.
revive_account() {
    [ "$(expiry_of "$1")" = "$expired" ] || return 0
    days=$(awk -F '\t' -v name="$1" '$1 == name { print $2 }' "$state/directory/expiry" 2>/dev/null)
    usermod --expiredate "$days" "$1"
}

expiry_of() { row=$(getent shadow "$1") && printf '%s\n' "$row" | cut -d : -f 8; }

# undo_accounts FILE: accounts that a transaction changed, as passwd(5) had them. Group, home, shell
# and comment belong to the configuration in this, and come back with the one before; passwords,
# locks and expiry do not. Nobody's complaint keeps the host from returning.
undo_accounts() {
    [ -s "$1" ] || return 0
    while IFS=: read -r name _ _ group comment home shell; do
        usermod --gid "$group" --comment "$comment" --home "$home" --shell "$shell" "$name"
    done <"$1" >&2
    return 0
}

# end_processes_of NAME: by the real user, which Dovecot's delivery to him keeps as root.
end_processes_of() {
    uid=$(id -u "$1") && [ "$uid" -gt 0 ] || return 1
    for signal in TERM KILL; do
        # Numbers have no white space.
        # shellcheck disable=SC2046
        set -- $(cat /proc/[0-9]*/status 2>/dev/null | awk -v uid="$uid" '$1 == "Pid:" { pid = $2 } $1 == "Uid:" && $2 == uid { print pid }')
        [ $# -gt 0 ] || return 0
        kill -s "$signal" "$@" 2>/dev/null
        [ "$signal" = KILL ] || sleep 1
    done
    return 0
}
