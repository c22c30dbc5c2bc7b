# Put the handmade mail host back to where it works, whatever a test broke.
set -eu
for service in submission submissions; do
    postconf -M "$service/inet=$service inet n - y - - smtpd"
    postconf -P "$service/inet/smtpd_sasl_auth_enable=yes" \
        "$service/inet/smtpd_relay_restrictions=permit_sasl_authenticated,reject" \
        "$service/inet/smtpd_delay_reject=no" \
        "$service/inet/smtpd_sender_restrictions=reject_sender_login_mismatch,permit_sasl_authenticated,reject"
done
postconf -P submission/inet/smtpd_tls_security_level=encrypt \
    submissions/inet/smtpd_tls_wrappermode=yes
cat /etc/ssl/private/probe.key /etc/ssl/private/probe.crt >/etc/ssl/private/probe.pem
printf '%s\n' 'prober@probe.test:{PLAIN}right horse:::' >/etc/dovecot/users
echo '@OTHER_NAME@:::::::user=prober@probe.test noauthenticate nodelay=y' >/etc/dovecot/other-names
chown root:dovecot /etc/dovecot/users /etc/dovecot/other-names
chmod 0640 /etc/dovecot/users /etc/dovecot/other-names
printf '%s\n' '/^From:.*@probe\.test>/ DUNNO' '/^From:/ REJECT' >/etc/postfix/from
printf '%s %s\n' prober@probe.test x alice@probe.test x >/etc/postfix/mailboxes
printf '%s %s\n' prober@probe.test prober@probe.test alice@probe.test alice@probe.test \
    >/etc/postfix/senders
postsuper -d ALL >/dev/null 2>&1 || : # no queue yet
rm -rf /srv/vmail/prober@probe.test
chmod 0700 /srv/vmail
systemctl reset-failed # so many restarts would otherwise be systemd's limit
systemctl restart postfix dovecot
