#!/bin/sh
# Install what the tests need of Debian's packages: the lab, login shells that people have, and
# the daemons' own tools, which read back what the quoting filters wrote. No daemon is started,
# now or at boot.
# Without root or apt nothing is installed, and the tests that miss something say so.
#
#   tools/setup-tests.sh [--tools-only]     without the lab
set -eu

# Package and a program of it, which tells whether it is there.
wanted="shellcheck:shellcheck vagrant:vagrant openssh-server:sshd openssl:openssl
    postfix:postconf dovecot-core:doveconf dovecot-imapd:/usr/lib/dovecot/imap
    dovecot-pop3d:/usr/lib/dovecot/pop3 dovecot-lmtpd:/usr/lib/dovecot/lmtp
    dovecot-sieve:/usr/bin/sievec dovecot-managesieved:/usr/lib/dovecot/managesieve
    unbound:unbound-checkconf dns-root-data:/usr/share/dns/root.key"

PATH=$PATH:/usr/sbin:/sbin
missing=
for pair in $wanted; do
    case ${pair#*:} in
        /*) [ -e "${pair#*:}" ] || missing="$missing ${pair%%:*}" ;;
        *) command -v "${pair#*:}" >/dev/null || missing="$missing ${pair%%:*}" ;;
    esac
done
if [ "${1:-}" != --tools-only ]; then
    for pair in debootstrap:debootstrap systemd-container:systemd-nspawn \
        apt-cacher-ng:apt-cacher-ng iproute2:ip openssh-client:ssh \
        tcsh:tcsh fish:fish zsh:zsh; do
        command -v "${pair#*:}" >/dev/null || missing="$missing ${pair%%:*}"
    done
fi
[ -n "$missing" ] || exit 0

if [ "$(id -u)" -ne 0 ] || ! command -v apt-get >/dev/null; then
    echo "not installed, so that some tests will be skipped:$missing"
    exit 0
fi

echo "installing for the tests:$missing"
policy=/usr/sbin/policy-rc.d
if [ ! -e "$policy" ]; then
    trap 'rm -f "$policy"' EXIT
    trap 'exit 130' HUP INT TERM
    printf '#!/bin/sh\n# mailprov: no daemon starts while packages install\nexit 101\n' >"$policy"
    chmod 755 "$policy"
fi
export DEBIAN_FRONTEND=noninteractive
echo "postfix postfix/main_mailer_type select No configuration" | debconf-set-selections
# shellcheck disable=SC2086
# A list of package names.
apt-get -q -y --no-install-recommends install $missing >/dev/null 2>&1 ||
    { apt-get -q update >/dev/null && apt-get -q -y --no-install-recommends install $missing >/dev/null; }
if [ -d /run/systemd/system ]; then
    # Only their tools are wanted here.
    for unit in postfix dovecot unbound apt-cacher-ng; do
        case $missing in *"$unit"*) systemctl disable --quiet "$unit" || true ;; esac
    done
fi
