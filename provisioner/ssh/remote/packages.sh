# shellcheck shell=sh
# Install packages: `mailprov MANAGER NAME...`. An idempotent phase of its own, before
# the transaction, because package managers have no rollback. Daemons are kept from
# starting on their vendor's defaults.

policy=/usr/sbin/policy-rc.d

hold_daemons() {
    # An operator's own policy stays as it is; ours goes away however this ends.
    [ -e "$policy" ] && return 0
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
    if ! apt-cache show -- "$@" >/dev/null 2>&1; then
        section progress "reading package lists"
        apt-get -q -o DPkg::Lock::Timeout=60 update || return 1
    fi
    section progress "installing $# packages"
    apt-get -q -y --no-install-recommends -o DPkg::Lock::Timeout=60 \
        -o Dpkg::Options::=--force-confdef -o Dpkg::Options::=--force-confold install "$@"
}

install_dnf() {
    section progress "installing $# packages"
    dnf -q -y --setopt=install_weak_deps=False install "$@"
}

manager=$1
shift
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
