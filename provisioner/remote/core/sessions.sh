# shellcheck shell=sh
# Open sessions of users who lost their access are ended: what Dovecot serves by doveadm(1), and
# those of the submission ports by the connection. What is to be told goes to descriptor 3.

# end_sessions_of FILE: log out the users named there. What fails here is told and fails
# nothing: the new access is in force, and sessions end by themselves one day. A login whose old
# password was just being looked at is through a moment later, so it is looked twice.
end_sessions_of() {
    [ -s "$1" ] || return 0
    # Before the daemons start, at boot, there are none.
    [ -S /run/dovecot/anvil ] || read_master || return 0
    end_sessions_now "$1"
    sleep 1
    end_sessions_now "$1"
}

end_sessions_now() {
    [ -s "$1" ] || return 0
    end_mailbox_sessions "$1"
    end_submissions "$1"
    return 0
}

end_mailbox_sessions() {
    [ -S /run/dovecot/anvil ] || return 0
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
}

# end_submissions FILE: a session has an smtpd(8) of its own (master.cf), and neither Postfix nor
# Dovecot has a list of who is logged in there. What a process was told of its login it still has.
end_submissions() {
    read_master || return 0
    submission_logins >"$1.logins"
    awk -F '\t' 'NR == FNR { lost[$1]; next } $2 in lost || $2 == "?" { print $1 "\t" $2 }' "$1" "$1.logins" |
        while IFS="$tab" read -r pid name; do
            [ "$name" != "?" ] || name="somebody on a submission port, whose name the kernel does not show,"
            if end_smtpd "$pid"; then
                section ended "$name" >&3
            else
                echo "process $pid of Postfix goes on" >"$1.complaint"
                tell_kept "$name" "$1.complaint"
            fi
        done
}

# read_master: the number of Postfix's master(8) in $master; fails where none runs.
read_master() {
    read -r master </var/spool/postfix/pid/master.pid && read -r _ command _ <"/proc/$master/stat" && [ "$command" = "(master)" ]
} 2>/dev/null

is_smtpd() { read -r _ command _ parent _ <"/proc/$1/stat" && [ "$command $parent" = "(smtpd) $master" ]; } 2>/dev/null

# submission_logins: number and user (tabbed) of each smtpd(8) that somebody has logged in to. Dovecot's
# answer, `OK <request> user=<name>` (tabbed), stays where Postfix read it to: xsasl_dovecot_server.c
# has one buffer for it, which only the next login overwrites. Whatever else a client had written into
# the memory of its own process can only end its own session. The user is `?` where a kernel shows
# not even root the memory of a process (Yama's ptrace_scope 3, a container without CAP_SYS_PTRACE).
submission_logins() {
    cat /proc/[0-9]*/stat 2>/dev/null | awk -v master="$master" '$2 == "(smtpd)" && $4 == master { print $1 }' |
        while IFS= read -r pid; do
            if show_heap "$pid" 1 >/dev/null; then
                show_heap "$pid" | grep -aoE "OK${tab}[0-9]+${tab}user=[!-~]+" | sed "s/.*user=/$pid$tab/"
            elif grep -q smtpd_sasl_auth_enable=yes "/proc/$pid/cmdline"; then
                printf '%s\t?\n' "$pid"
            fi
        done 2>/dev/null | sort -u
}

# show_heap PID [PAGES]: all of it where no number says how much.
show_heap() {
    while read -r range _ _ _ _ what; do [ "$what" != "[heap]" ] || break; done <"/proc/$1/maps"
    [ "$what" = "[heap]" ] || return 1
    from=$((0x${range%-*} / 4096)) to=$((0x${range#*-} / 4096))
    dd if="/proc/$1/mem" bs=4096 skip="$from" count="${2:-$((to - from))}"
}

# end_smtpd PID: the session ends as if its client had left, and its process with it. Where the kernel
# closes nobody's connection for him (CONFIG_INET_DIAG_DESTROY), the process is ended; its service then
# takes nobody in for a second (service_throttle_time).
end_smtpd() {
    ss -tnpH state established 2>/dev/null | grep -F "pid=$1," | while read -r _ _ here there _; do
        ss -K -tn src "$here" dst "$there" >/dev/null 2>&1
    done
    is_gone "$1" || { kill "$1" 2>/dev/null; is_gone "$1"; }
}

is_gone() {
    for _ in 1 2 3 4 5; do
        is_smtpd "$1" || return 0
        sleep 0.1
    done
    return 1
}

# note_lost OLD NEW: name who is gone from a passwd-file, or has another hash in the new one.
note_lost() {
    awk -F : 'NR == FNR { now[$1] = $2; next } !/^#/ && $2 != now[$1] { print $1 }' "$2" "$1"
}

tell_kept() {
    section kept "$1" >&3
    sed 's/^/|/' "$2" >&3
}
