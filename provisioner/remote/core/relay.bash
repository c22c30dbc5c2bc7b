# shellcheck shell=bash
# Carry bytes between the standard streams and a TCP connection to ADDRESS PORT. Whichever side
# ends first ends both.
exec 3<>"/dev/tcp/$1/$2" || exit
# Nothing but the connection's bytes from here on, and no stream kept open behind its end.
exec 4<&0 2>/dev/null
echo connected
cat <&3 4<&- &
down=$!
{ cat <&4 >&3; kill "$down"; } >/dev/null &
up=$!
exec >/dev/null 3<&- 4<&-
# Not `wait -n`: it overlooks what has ended already.
wait "$down"
kill "$up"
