#!/bin/sh
# Turn a Debian tree with the mail daemons in it into a bare host of Enterprise Linux's
# layout. Runs in a chroot of the tree, once; its own folder lies at /mnt/layout, on a file
# system that goes when it ends.
#
#   1. Debian's own binaries of the daemons become RPMs under EL's names, with EL's paths,
#      units and users (packages.spec, and what is in packages/NAME).
#   2. Debian's packages of them go, and so do apt and dpkg, with all that they knew.
#   3. The host gets what EL has before anything is installed (host/), and the RPMs' folder
#      as its only repository.
#
# The libraries stay where Debian put them: nobody who administers a host looks there.
set -eu
layout=/mnt/layout
stage=/mnt/stage
lists=/mnt/lists
repository=/usr/share/repository
export LC_ALL=C HOME=/root
mkdir -p "$stage" "$lists" "$repository"

# take PACKAGE-OF-EL PATTERN DEBIAN-PACKAGE...: stage what matches. Debian's lists have
# /lib and /sbin for what lies below /usr.
take() {
    into=$stage/$1
    pattern=$2
    shift 2
    dpkg -L "$@" | sed -E 's,^/(lib|sbin|bin)/,/usr/\1/,' | grep -E "$pattern" | sort -u |
        while IFS= read -r path; do
            [ -L "$path" ] || [ -f "$path" ] || continue
            mkdir -p "$into${path%/*}"
            cp -a "$path" "$into$path"
        done
}

move() { mkdir -p "$(dirname "$2")" && mv "$1" "$2"; }

link() { mkdir -p "$(dirname "$2")" && ln -s "$1" "$2"; }

stage_postfix() {
    take postfix '^/usr/sbin/|^/usr/lib/postfix/|^/etc/postfix/post' postfix
    cd "$stage/postfix"
    rm -f usr/lib/postfix/*.a usr/lib/postfix/configure-instance.sh
    # A link the other way round would lead out of a folder that Postfix checks.
    link ../lib/postfix/sbin usr/libexec/postfix
    move usr/sbin/sendmail usr/sbin/sendmail.postfix
    rm -f usr/sbin/rmail
    link ../sbin/sendmail.postfix usr/bin/mailq.postfix
    link ../sbin/sendmail.postfix usr/bin/newaliases.postfix
    cp /etc/postfix/dynamicmaps.cf etc/postfix/
    take postfix-cdb '^/usr/lib/postfix/' postfix-cdb
    mkdir -p "$stage/postfix-cdb/etc/postfix/dynamicmaps.cf.d"
    sed -n '/^cdb[[:space:]]/p' etc/postfix/dynamicmaps.cf >"$stage/postfix-cdb/etc/postfix/dynamicmaps.cf.d/cdb"
    sed -i '/^cdb[[:space:]]/d' etc/postfix/dynamicmaps.cf
    # Nothing is confined, as EL has it.
    awk '$5 == "y" { sub(/ y /, " n ") } { print }' /usr/share/postfix/master.cf.dist >etc/postfix/master.cf
}

stage_dovecot() {
    take dovecot '^/usr/(bin|sbin|lib/dovecot)/' dovecot-core dovecot-imapd dovecot-lmtpd dovecot-pop3d dovecot-sqlite
    take dovecot-pigeonhole '^/usr/(bin|lib/dovecot)/' dovecot-sieve dovecot-managesieved
    for package in dovecot dovecot-pigeonhole; do
        move "$stage/$package/usr/lib/dovecot" "$stage/$package/usr/libexec/dovecot"
    done
    link ../libexec/dovecot "$stage/dovecot/usr/lib/dovecot"
    mkdir -p "$stage/dovecot/etc/dovecot/conf.d" "$stage/dovecot-pigeonhole/etc/dovecot/conf.d"
    for part in /usr/share/dovecot/conf.d/*; do
        case $part in
            *sieve*) cp "$part" "$stage/dovecot-pigeonhole/etc/dovecot/conf.d/" ;;
            *) cp "$part" "$stage/dovecot/etc/dovecot/conf.d/" ;;
        esac
    done
    sed -E 's,^!include_try /usr/share/.*,protocols = imap pop3 lmtp,' /usr/share/dovecot/dovecot.conf \
        >"$stage/dovecot/etc/dovecot/dovecot.conf"
    pki=/etc/pki/dovecot
    sed -i -E "/^ssl_(dh|client_ca_dir) =/d; s,^#?ssl = .*,ssl = required,
        s,^ssl_cert = .*,ssl_cert = <$pki/certs/dovecot.pem,
        s,^ssl_key = .*,ssl_key = <$pki/private/dovecot.pem," "$stage/dovecot/etc/dovecot/conf.d/10-ssl.conf"
}

stage_unbound() {
    take unbound '^/usr/sbin/' unbound
    take unbound-libs '^/usr/sbin/' unbound-anchor
    mkdir -p "$stage/unbound-libs/var/lib/unbound"
    cp /usr/share/dns/root.key "$stage/unbound-libs/var/lib/unbound/"
}

stage_sqlite() {
    take sqlite '^/usr/bin/sqlite3$' sqlite3
}

stage_tls() {
    take openssl '^/usr/bin/openssl$' openssl
    mkdir -p "$stage/openssl/etc/pki/tls"
    cp /etc/ssl/openssl.cnf "$stage/openssl/etc/pki/tls/"
    bundle=etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem
    mkdir -p "$stage/ca-certificates/${bundle%/*}"
    cp /etc/ssl/certs/ca-certificates.crt "$stage/ca-certificates/$bundle"
    link "/$bundle" "$stage/ca-certificates/etc/pki/tls/certs/ca-bundle.crt"
    link "/$bundle" "$stage/ca-certificates/etc/pki/tls/cert.pem"
}

# list_files PACKAGE: what the spec file does not name itself.
list_files() {
    cd "$stage/$1"
    find . ! -type d | sed 's,^\.,,' | grep -vE '^/usr/sbin/post(drop|queue)$|^/var/lib/unbound/' |
        sed -E 's,^(/etc/(postfix/(main|master)\.cf|dovecot/|unbound/).*),%config(noreplace) \1,' >"$lists/$1"
}

build_packages() {
    cp -R "$layout/packages/." "$stage/"
    chown -R root:root "$stage"
    for package in "$stage"/*; do list_files "${package##*/}"; done
    mkdir -p /etc/rpm
    printf '%%_dbpath /var/lib/rpm\n' >/etc/rpm/macros
    rpmbuild --quiet --nodeps -bb "$layout/packages.spec" \
        --define "_topdir /mnt/rpmbuild" --define "_rpmdir $repository" \
        --define "stage $stage" --define "lists $lists" \
        --define "postfix_version $(postconf -d -h mail_version)" \
        --define "dovecot_version $(dovecot --version | cut -d ' ' -f 1)" \
        --define "unbound_version $(unbound -V | sed -n '1s/^Version //p')" \
        --define "openssl_version $(openssl version | cut -d ' ' -f 2)"
    createrepo_c --quiet "$repository"
}

remove_debian() {
    printf '#!/bin/sh\nexit 101\n' >/usr/sbin/policy-rc.d
    chmod 755 /usr/sbin/policy-rc.d
    # shellcheck disable=SC2046
    # Package names.
    dpkg --purge --force-depends $(dpkg-query -W -f '${Package}\n' | grep -E '^(postfix.*|dovecot-.*|sqlite3|unbound.*|dns-root-data|openssl|ca-certificates|ssl-cert|createrepo-c)$') >/dev/null
    rm -f /usr/sbin/policy-rc.d
    for name in postfix dovecot dovenull unbound _apt; do
        if getent passwd "$name" >/dev/null; then userdel "$name"; fi
    done 2>/dev/null
    for name in postdrop postfix dovecot dovenull unbound ssl-cert; do
        if getent group "$name" >/dev/null; then groupdel "$name"; fi
    done
    rm -rf /etc/postfix /etc/dovecot /etc/unbound /etc/ssl /etc/aliases* /usr/lib/ssl /usr/lib/postfix \
        /usr/lib/dovecot /usr/share/dovecot /usr/share/postfix /var/spool/postfix /var/lib/postfix \
        /var/lib/dovecot /var/lib/unbound /usr/local/share/ca-certificates /etc/ca-certificates*
    # All but what EL has under its own name, and what keeps its records there.
    cd /var/lib/dpkg/info
    cat apt.list dpkg.list debconf.list adduser.list debian-archive-keyring.list |
        grep -vx /usr/bin/update-alternatives | while IFS= read -r path; do
        # A link to a folder, like /lib, is everybody's.
        [ -d "$path" ] || rm -f "$path"
    done
    rm -rf /var/lib/apt /var/cache/apt /var/lib/dpkg /var/log/apt /var/cache/debconf /etc/apt /etc/dpkg \
        /usr/lib/apt /usr/lib/dpkg /usr/share/dpkg /etc/debian_version /etc/debconf.conf \
        /var/log/dpkg.log /var/log/alternatives.log /etc/rsyslog.d /etc/logrotate.d/rsyslog
}

make_host() {
    cp -a "$layout/host/." /
    chmod 755 /usr/sbin/alternatives
    mkdir -p /var/lib/alternatives /var/lib/rsyslog /etc/pki/tls/certs
    link /etc/pki/tls /usr/lib/ssl
    sed -i -E 's/^#?(SYS_UID_MIN|SYS_GID_MIN)\b.*/\1 201/; s/^#?(SYS_UID_MAX|SYS_GID_MAX)\b.*/\1 999/
        s/^#?HOME_MODE\b.*/HOME_MODE 0700/; s,^#?MAIL_DIR\b.*,MAIL_DIR /var/spool/mail,' /etc/login.defs
    printf 'CREATE_HOME yes\n' >>/etc/login.defs
    rm -f /etc/os-release
    ln -s ../usr/lib/os-release /etc/os-release
    ln -sf /usr/lib/systemd/system/multi-user.target /etc/systemd/system/default.target
    # A test that needs it starts it.
    systemctl --quiet disable firewalld.service
    dnf -q -y --releasever=9 install centos-stream-release basesystem
    dnf -q clean all
}

stage_postfix
stage_dovecot
stage_unbound
stage_sqlite
stage_tls
build_packages
remove_debian
make_host
