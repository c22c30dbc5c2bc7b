# shellcheck shell=sh
# Install packages: `mailprov MANAGER UNITS NAME...`, UNITS separated by commas, each
# UNIT:RUNNING. An idempotent phase of its own, before the transaction, because package
# managers have no rollback. Daemons are kept from starting on their vendor's defaults.
#
# Exit status: the package manager's, 70 where it could not even be called, 75 where another
# program holds it, 76 the state (state.sh).

patience=60

# patiently COMMAND...: run it, and again as long as another program holds what it needs.
# Whoever still holds it after a minute is told as `held`, and the status is 75.
patiently() {
    told=''
    begun=$(seconds)
    while :; do
        # A daemon that comes up with its package must not keep our lock.
        "$@" >"$said" 2>&1 8>&-
        status=$?
        holder=$(holder_in "$said")
        if [ "$status" -eq 0 ] || [ -z "$holder" ]; then break; fi
        if [ "$(($(seconds) - begun))" -ge "$patience" ]; then
            section held "$holder"
            status=75
            break
        fi
        [ -n "$told" ] || section progress "waiting for $holder, which holds the package manager"
        told=1
        sleep 2
    done
    cat "$said"
    return "$status"
}

# Whatever becomes of the clock.
seconds() { cut -d . -f 1 /proc/uptime; }

# holder_in FILE: who has the lock, by what dpkg, apt-get, dnf or rpm said.
holder_in() {
    pid=$(sed -nE 's/.*locked by .* process with pid ([0-9]+).*/\1/p
        s/.*held by process ([0-9]+).*/\1/p
        s/.*already locked by ([0-9]+).*/\1/p' "$1" | head -n 1)
    if [ -n "$pid" ]; then
        name=$(cat "/proc/$pid/comm" 2>/dev/null)
        printf 'process %s%s\n' "$pid" "${name:+ ($name)}"
    elif grep -qE "Could not get lock|locked by .* process|can't create transaction lock" "$1"; then
        echo "another program"
    fi
}

install_apt() {
    export DEBIAN_FRONTEND=noninteractive
    hold_daemons || return 1
    # Without an answer Debian's Postfix has no main.cf and says so at length.
    printf 'postfix postfix/main_mailer_type select No configuration\n' | debconf-set-selections
    # An installation that was interrupted is finished first.
    # Nobody is there to be asked about a file of configuration: the one in place stays.
    patiently dpkg --configure -a --force-confdef --force-confold || return
    section progress "installing $# packages"
    apt_install "$@"
    status=$?
    # Of a source that does not answer, no list is to be had either.
    if [ "$status" -eq 0 ] || [ "$status" -eq 75 ] ||
        grep -qE 'timed out|Could not connect|Unable to connect|Connection failed|Temporary failure resolving' "$said"; then
        return "$status"
    fi
    # The lists may be older than what the archive still has.
    section progress "reading package lists"
    patiently apt_get update || return
    section progress "installing $# packages"
    apt_install "$@"
}

# A source that does not answer is given up sooner than by apt's own limits.
apt_get() {
    apt-get -q -o Acquire::Retries=1 -o Acquire::http::Timeout=15 -o Acquire::https::Timeout=15 "$@"
}

# Nothing is removed to make room: another mail server and its queue are the operator's.
apt_install() {
    patiently apt_get -y --no-remove --no-install-recommends \
        -o Dpkg::Options::=--force-confdef -o Dpkg::Options::=--force-confold install "$@"
}

install_dnf() {
    section progress "installing $# packages"
    patiently dnf_install "$@"
    status=$?
    # The metadata may be older than what the repository still has: it names packages that are
    # gone, or does not know new ones.
    if [ "$status" -eq 0 ] || [ "$status" -eq 75 ] ||
        ! grep -qE 'Unable to find a match|No match for argument|Error downloading packages|incorrect checksum' "$said" ||
        grep -q 'Failed to download metadata' "$said"; then
        return "$status"
    fi
    section progress "reading package lists"
    patiently dnf_install --refresh "$@"
}

# Left to itself dnf waits for another one without end and, told to be quiet, without a word. A
# source that does not answer is given up sooner than by its own limits. Without
# --allowerasing nothing is removed to make room, and no daemon starts because it came.
dnf_install() {
    dnf -q -y --setopt=exit_on_lock=True --setopt=retries=2 --setopt=timeout=15 \
        --setopt=install_weak_deps=False install "$@"
}

# Whoever started this may be gone; what has begun is finished.
trap '' PIPE
manager=$1
units=$2
shift 2
# Afterwards nobody could tell what was there before.
printf '%s\n' "$units" | tr , '\n' | while IFS=: read -r unit running; do
    [ -z "$unit" ] || keep_unit_as_found "$unit" "$running" || exit 70
done || exit 70
# Of two that install, the first to end would take away what keeps the other's daemons down.
exec 8>>"$state/installing" || exit 70
if ! flock -w "$patience" 8; then
    section held "another mailprov"
    exit 75
fi
log=$(mktemp) && said=$(mktemp) || exit 70
exec 3>&1
{
    case $manager in
        apt) install_apt "$@" ;;
        dnf) install_dnf "$@" ;;
    esac
    printf '%s\n' $? >"$log"
} </dev/null 2>&1 | while IFS= read -r line; do
    case $line in
        @progress* | @held*) printf '%s\n' "$line" >&3 ;;
        *) printf '|%s\n' "$line" >&3 ;;
    esac
done
status=$(cat "$log")
rm -f "$log" "$said"
exit "${status:-70}"
