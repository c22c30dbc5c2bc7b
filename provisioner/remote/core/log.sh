# shellcheck shell=sh
# Read the mail log: what Postfix, Dovecot and Unbound said, and what systemd said of
# them. Nothing is written, no lock is taken.
#
# Standard input brings rows: `since` (seconds since 1970, negative: seconds ago,
# `pending`: since what is pending was begun), `limit` (lines at most, the newest count),
# `pattern` (an extended regular expression that lines have to match; without one, all),
# `context` (another one: of further lines that match it in the same words, the last), `unit`
# and `file` (where to look), `check` (a daemon whose own checkers are to be run as well).
#
# The journal has it all where a syslog daemon reads from it. Where Postfix writes a file
# of its own (maillog_file), or the journal forgot what the syslog daemon's files still
# hold, these are read as well.

read_journal() {
    set -- SYSLOG_FACILITY=2
    for unit in $units; do
        set -- "$@" + "_SYSTEMD_UNIT=$unit" + _PID=1 "UNIT=$unit"
    done
    journalctl -q --no-pager --no-hostname --utc -o short-iso-precise --since "@$since" "$@"
}

# Rotated parts have names that begin with the file's; oldest first.
read_file() {
    find "${1%/*}" -maxdepth 1 -type f -name "${1##*/}*" -newermt "@$since" -printf '%T@ %p\n' 2>/dev/null |
        sort -n | cut -d ' ' -f 2- | while IFS= read -r part; do
        case $part in
            *.gz) gzip -dc "$part" ;;
            *) cat "$part" ;;
        esac
    done
}

# Process numbers and session ids make no difference between lines of context.
with_context() {
    pattern=$pattern context=$context awk '
        BEGIN { pattern = ENVIRON["pattern"]; context = ENVIRON["context"] }
        $0 ~ pattern { print; next }
        {
            words = $0
            gsub(/\[[0-9]+\]|<[0-9]+><[^>]*>/, "", words)
            if (match(words, context)) last[substr(words, RSTART, RLENGTH)] = $0
        }
        END { for (words in last) print last[words] }'
}

selected() {
    if [ -n "$context" ]; then
        with_context
    elif [ -n "$pattern" ]; then
        grep -aE -e "$pattern"
    else
        cat
    fi
}

# One line more than the limit shows that there were more.
told() { selected | tail -n "$((limit + 1))" | sed 's/^/|/'; }

manifest=$(cat)
one() { printf '%s\n' "$manifest" | rows "$1" | head -n 1; }
since=$(one since)
limit=$(one limit)
pattern=$(one pattern)
context=$(one context)
units=$(printf '%s\n' "$manifest" | rows unit)
case $since in
    -*) since=$(($(date +%s) + since)) ;;
    pending) since=$(stat -c %Y "$state/pending/about" 2>/dev/null || date +%s) ;;
esac

section now "$(date +%s)" "$(date +%z)"
section source journal
# sh has no pipefail: the status of the reader comes past its pipe. No entries are no failure.
if have journalctl; then
    exec 4>&1
    status=$({ { read_journal 3>&- 4>&-; echo "$?" >&3; } | told 3>&- >&4; } 3>&1)
    exec 4>&-
    [ "$status" -eq 0 ] || exit "$status"
fi
own=$(have postconf && postconf -h maillog_file 2>/dev/null)
if [ -n "$own" ]; then
    section source "$own"
    read_file "$own" | told
elif ! journalctl -q -n 1 --since "@$since" SYSLOG_FACILITY=2 2>/dev/null | grep -q .; then
    printf '%s\n' "$manifest" | rows file | while IFS= read -r path; do
        [ -s "$path" ] || continue
        section source "$path"
        read_file "$path" | told
    done
fi
# hears_daemons: a syslog daemon gets the messages, and not by what journald keeps, as EL's rsyslog does
# (imjournal).
hears_daemons() {
    if systemctl -q is-active rsyslog.service; then
        ! grep -qs '^[^#]*imjournal' /etc/rsyslog.conf /etc/rsyslog.d/*.conf
    else
        systemctl -q is-active syslog.service syslog-ng.service 2>/dev/null
    fi
}
# forgets_all: journald keeps nothing (journald.conf(5), Storage=), and nobody else listens.
forgets_all() {
    [ -z "$own" ] &&
        [ "$(systemd-analyze cat-config systemd/journald.conf 2>/dev/null | sed -n 's/^ *Storage *= *//p' | tail -n 1)" = none ] &&
        ! hears_daemons
}
if forgets_all; then
    section check "mail log" 1
    echo "|journald keeps nothing (Storage=none), and no syslog daemon receives the messages"
fi
# What the daemons' checkers find is no line of the log, and can be older than it reaches.
# A daemon that is not installed yet has nothing to say.
checked=
for daemon in $(printf '%s\n' "$manifest" | rows check); do
    is_daemon "$daemon" || exit 64
    tool_of "$daemon"
    if have "$tool"; then checked="$checked $daemon"; fi
done
# shellcheck disable=SC2086
# One word a daemon.
[ -z "$checked" ] || check_daemons $checked
section end
