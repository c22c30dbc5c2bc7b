# shellcheck shell=sh
# Kept on the host as /var/lib/mailprov/recover: it settles a pending transaction when
# nobody else will. `recover late`: the confirmation did not come in time (the timer).
# `recover boot`: the host went down meanwhile; runs before the mail services start.

[ "$1" != boot ] || heal_table "$users_table"
[ -d "$pending" ] || exit 0
exec 3>&1
exec 9>>"$state/lock"
# Who carries out or confirms a transaction just now comes first, however long that takes: nobody
# else comes after this. At boot there is nobody.
flock 9 || exit 75
case $1 in
    boot) settle_pending boot "returned at boot" ;;
    late) settle_pending now "returned: not confirmed in time" ;;
    *) exit 64 ;;
esac
