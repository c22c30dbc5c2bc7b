# shellcheck shell=sh
# Open sessions of users who lost their access are ended. What is to be told goes to
# descriptor 3.

# end_sessions_of FILE: log out the users named there. What fails here is told and fails
# nothing: the new access is in force, and sessions end by themselves one day.
end_sessions_of() {
    [ -s "$1" ] && [ -S /run/dovecot/anvil ] || return 0
    if ! timeout 10 doveadm -f tab who -1 >"$1.who" 2>"$1.complaint"; then
        tell_kept "$(head -n 1 "$1") and maybe others" "$1.complaint"
        return 0
    fi
    awk -F '\t' 'NR == FNR { lost[$1]; next } ($1 in lost) && !told[$1]++ { print $1 }' "$1" "$1.who" |
        while IFS= read -r name; do
            timeout 10 doveadm kick "$name" >"$1.complaint" 2>&1 </dev/null
            case $? in
                # One that has gone by itself meanwhile: 68 of 2.3, in words of 2.4.
                0) grep -q '^0 connections kicked' "$1.complaint" || section ended "$name" >&3 ;;
                68) ;;
                *) tell_kept "$name" "$1.complaint" ;;
            esac
        done
    return 0
}

# note_lost OLD NEW: name who is gone from a passwd-file, or has another hash in the new one.
note_lost() {
    awk -F : 'NR == FNR { now[$1] = $2; next } !/^#/ && $2 != now[$1] { print $1 }' "$2" "$1"
}

tell_kept() {
    section kept "$1" >&3
    sed 's/^/|/' "$2" >&3
}
