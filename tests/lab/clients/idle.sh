#!/bin/sh
# idle.sh HOST PORT CERTIFICATE LOGIN-FILE COMMAND
#
# Logs in by IMAP, idles (RFC 2177), runs COMMAND once the server says that it idles, and
# ends when the server tells of a message. Prints what the server said.
server=$1 port=$2 certificate=$3 login=$4 command=$5
said=$(mktemp)

# Ten seconds for a condition to hold.
await() {
    for _ in $(seq 100); do
        "$@" && return 0
        sleep 0.1
    done
    return 1
}

idles() { grep -q '^+ idling' "$said"; }

pushed() { sed '1,/^+ idling/d' "$said" | grep -q EXISTS; }

talk() {
    cat "$login"
    printf 'b SELECT INBOX\r\nc IDLE\r\n'
    await idles && sh -c "$command" && await pushed
    printf 'DONE\r\nd LOGOUT\r\n'
}

talk | timeout 30 openssl s_client -quiet -connect "$server:$port" -servername "$server" \
    -verify_hostname "$server" -CAfile "$certificate" -verify_return_error >"$said"
cat "$said"
rm -f "$said"
