# shellcheck shell=sh
# Install packages: `mailprov MANAGER UNITS NAME...`, UNITS separated by commas, each
# UNIT:RUNNING. An idempotent phase of its own, before the transaction, because package
# managers have no rollback. Daemons are kept from starting on their vendor's defaults.

policy=/usr/sbin/policy-rc.d

hold_daemons() {
    # An operator's own policy stays as it is; ours goes away however this ends, one that
    # a power loss left behind included.
    if [ -e "$policy" ] && ! grep -q '^# mailprov:' "$policy"; then return 0; fi
    trap 'rm -f "$policy"' EXIT
    trap 'exit 130' HUP INT TERM
    printf '#!/bin/sh\n# mailprov: no daemon starts while packages install\nexit 101\n' >"$policy"
    chmod 755 "$policy"
}

install_apt() {
    export DEBIAN_FRONTEND=noninteractive
    hold_daemons
    # Without an answer Debian's Postfix has no main.cf and says so at length.
    printf 'postfix postfix/main_mailer_type select No configuration\n' | debconf-set-selections
    # An installation that was interrupted is finished first.
    dpkg --configure -a || return 1
    section progress "installing $# packages"
    apt_install "$@" && return 0
    # The lists may be older than what the archive still has.
    section progress "reading package lists"
    apt-get -q -o DPkg::Lock::Timeout=60 update || return 1
    section progress "installing $# packages"
    apt_install "$@"
}

# Nothing is removed to make room: another mail server and its queue are the operator's.
apt_install() {
    apt-get -q -y --no-remove --no-install-recommends -o DPkg::Lock::Timeout=60 \
        -o Dpkg::Options::=--force-confdef -o Dpkg::Options::=--force-confold install "$@"
}

install_dnf() {
    section progress "installing $# packages"
    dnf -q -y --setopt=install_weak_deps=False install "$@"
}

# Whoever started this may be gone; what has begun is finished.
trap '' PIPE
manager=$1
units=$2
shift 2
# Afterwards nobody could tell what was there before.
printf '%s\n' "$units" | tr , '\n' | while IFS=: read -r unit running; do
    [ -z "$unit" ] || keep_unit_as_found "$unit" "$running"
done
log=$(mktemp) || exit 70
exec 3>&1
{
    case $manager in
        apt) install_apt "$@" ;;
        dnf) install_dnf "$@" ;;
    esac
    printf '%s\n' $? >"$log"
} </dev/null 2>&1 | while IFS= read -r line; do
    case $line in
        @progress*) printf '%s\n' "$line" >&3 ;;
        *) printf '|%s\n' "$line" >&3 ;;
    esac
done
status=$(cat "$log")
rm -f "$log"
exit "${status:-70}"
