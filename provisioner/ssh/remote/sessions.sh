# shellcheck shell=sh
# Part of the transaction: open sessions of users who lost their access are ended. Needs
# do_activate of transact.sh, and descriptor 3 for what is to be told.

# do_admit PATH: another list of logins. Whoever is gone from it, or has another hash, may
# not go on in a session that the old one opened.
do_admit() {
    : >"$stage/lost"
    if [ -f "$1" ]; then
        awk -F : 'NR == FNR { now[$1] = $2; next } !/^#/ && $2 != now[$1] { print $1 }' \
            "$1.mailprov-new" "$1" >"$stage/lost" || section kept "users who lost their access" >&3
    fi
    do_activate "$1" && end_sessions_of "$stage/lost"
}

end_sessions() {
    printf '%s\n' "$1" >"$stage/lost"
    end_sessions_of "$stage/lost"
}

# end_sessions_of FILE: log out the users named there. What fails here is told and fails
# nothing: the new access is in force, and sessions end by themselves one day.
end_sessions_of() {
    [ -s "$1" ] && [ -S /run/dovecot/anvil ] || return 0
    if ! timeout 10 doveadm -f tab who -1 >"$stage/who" 2>"$stage/complaint"; then
        tell_kept "$(head -n 1 "$1") and maybe others"
        return 0
    fi
    awk -F '\t' 'NR == FNR { lost[$1]; next } ($1 in lost) && !told[$1]++ { print $1 }' "$1" "$stage/who" |
        while IFS= read -r name; do
            timeout 10 doveadm kick "$name" >"$stage/complaint" 2>&1 </dev/null
            case $? in
                0) section ended "$name" >&3 ;;
                68) ;; # gone by itself meanwhile
                *) tell_kept "$name" ;;
            esac
        done
    return 0
}

tell_kept() {
    section kept "$1" >&3
    sed 's/^/|/' "$stage/complaint" >&3
}
