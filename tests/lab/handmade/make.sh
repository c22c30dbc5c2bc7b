# What the handmade mail host needs once: the mailboxes' owner, a key and a certificate.
set -eu
id vmail >/dev/null 2>&1 || useradd --system --home-dir /srv/vmail --create-home vmail
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 30 \
    -subj /CN=mail.probe.test -addext subjectAltName=DNS:mail.probe.test \
    -keyout /etc/ssl/private/probe.key -out /etc/ssl/private/probe.crt
