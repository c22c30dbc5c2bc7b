"""Dovecot's files: which a host has, in the order in which they become live."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

from provisioner.daemons.dovecot.habits import habits
from provisioner.daemons.dovecot.options import DovecotConf, render_dovecot_site
from provisioner.daemons.dovecot.quoting import TEMPLATES, dovecot_value
from provisioner.daemons.dovecot.users import elsewhere_rows, mailbox_rows, password_rows
from provisioner.daemons.dovecot.view import DovecotView, dovecot_view
from provisioner.model.secrets import HeldSecret, SiteSecrets
from provisioner.platforms.record import Platform
from provisioner.render.artifact import Artifact, Plane
from provisioner.render.daemon_secrets import SecretFile, SecretForm, held_path, hidden, secret_file
from provisioner.render.quoting import Quoted
from provisioner.rooms.room import Carrier

# As Debian's unit has it; the largest client_limit of 10-master.conf is 8192.
_OPEN_FILES = 65535
_UNIT_PART = "/etc/systemd/system/dovecot.service.d/mailprov.conf"
# There a passwd-file is always read by auth itself.
_WORKERS_READ_NO_PASSWD_FILE = frozenset({"2.3"})
# There the driver's package brings the settings' names, and a master that was started before it
# came does not know them: it would stay with the configuration that it has, and only log it.
_DRIVERS_BRING_SETTINGS = frozenset({"2.4"})
# Files with the hashes of users' passwords.
_WITH_HASHES = frozenset({"users", "passwords"})
_SITE_FIRST, _SITE_LAST = "conf.d/05-site.conf", "conf.d/99-site.conf"
_PARTS = (
    "conf.d/10-auth.conf",
    "conf.d/10-logging.conf",
    "conf.d/10-mail.conf",
    "conf.d/10-master.conf",
    "conf.d/10-ssl.conf",
    "conf.d/15-lda.conf",
    "conf.d/15-mailboxes.conf",
    "conf.d/20-imap.conf",
    "conf.d/20-lmtp.conf",
    "conf.d/20-managesieve.conf",
    "conf.d/20-pop3.conf",
    "conf.d/90-sieve.conf",
)
# Those of a host that only checks logins for others.
_OF_LOGINS = frozenset(
    {
        "conf.d/10-auth.conf",
        "conf.d/10-logging.conf",
        "conf.d/10-master.conf",
        "conf.d/10-ssl.conf",
    }
)
_SAID_ALIKE = frozenset(
    {
        "conf.d/10-logging.conf",
        "conf.d/10-master.conf",
        "conf.d/15-lda.conf",
        "conf.d/15-mailboxes.conf",
        "conf.d/20-managesieve.conf",
    }
)


def render_dovecot(carrier: Carrier) -> Iterator[Artifact]:
    """Yield Dovecot's files for a host, parts before the file that includes them."""
    site, platform, secrets = carrier.site, carrier.platform, carrier.secrets
    record = platform.daemons["dovecot"]
    options = site.dovecot.get(record.dialect, {})
    view = dovecot_view(carrier)
    if view.tables:
        yield _lookups(view, record.dialect)
    else:
        yield from _directory(carrier, view, record.dialect)
    if not view.virtual:
        content = TEMPLATES.render("dovecot/pam.d/mailprov", view)
        yield Artifact(f"/etc/pam.d/{view.pam_service}", content, daemons=("dovecot",), rank=20)
    if view.peers.lmtp_port:
        content = TEMPLATES.render("dovecot/mailprov/strangers", None)
        yield Artifact(f"{view.folder}/strangers", content, rank=20)
    if view.store:
        boot = TEMPLATES.render("dovecot/tmpfiles.d/mailprov.conf", view)
        yield Artifact("/etc/tmpfiles.d/mailprov.conf", boot, rank=20)
    if habits(platform).open_files < _OPEN_FILES:
        limit = TEMPLATES.render("dovecot/dovecot.service.d/mailprov.conf", _OPEN_FILES)
        yield Artifact(_UNIT_PART, limit, daemons=("dovecot",), restart=True, rank=20)
    held = {name: value for name, value in options.items() if isinstance(value, HeldSecret)}
    files = tuple(_secrets(held, platform, secrets))
    yield from files
    plain = {name: value for name, value in options.items() if name not in held}
    included = tuple(file.path for file in files)
    parts = dict(_parts(view, record.dialect, plain, included))
    for part, content in parts.items():
        yield Artifact(f"{record.config_dir}/{part}", content, daemons=("dovecot",), rank=30)
    view = replace(view, includes=tuple(parts))
    main = TEMPLATES.record(f"dovecot/{record.dialect}/dovecot.conf", view, DovecotConf())
    yield Artifact(f"{record.config_dir}/dovecot.conf", main.text, daemons=("dovecot",), rank=40)


def _secrets(
    held: Mapping[str, str], platform: Platform, secrets: SiteSecrets
) -> Iterator[SecretFile]:
    """Yield a file with each setting that is a secret."""
    record = platform.daemons["dovecot"]
    for name in held:

        def setting(value: str, name: str = name) -> tuple[Quoted, ...]:
            return (Quoted(f"{name} = {hidden(dovecot_value, value)}"),)

        path = f"{held_path(record.config_dir, name)}.conf"
        place = ("dovecot", record.dialect, name)
        yield secret_file(path, place, secrets.daemons, SecretForm("dovecot", setting))


def _parts(
    view: DovecotView, dialect: str, options: Mapping[str, str], included: Sequence[str]
) -> Iterator[tuple[str, bytes]]:
    """Yield the parts that dovecot.conf includes, in their order. included: secrets' files."""
    ours = DovecotConf()
    own = {
        part: TEMPLATES.record(
            f"dovecot/{'both' if part in _SAID_ALIKE else dialect}/{part}", view, ours
        ).text
        for part in _own_parts(view)
    }
    first, last = render_dovecot_site(options, ours, included)
    if first:
        yield _SITE_FIRST, first
    yield from own.items()
    if last:
        yield _SITE_LAST, last


def _own_parts(view: DovecotView) -> Iterator[str]:
    """Yield which of mailprov's own parts a host has, in their order."""
    for part in _PARTS:
        on = (view.imap or "imap" not in part) and (view.pop3 or "pop3" not in part)
        if on and (view.store or part in _OF_LOGINS):
            yield part


def _directory(carrier: Carrier, view: DovecotView, dialect: str) -> Iterator[Artifact]:
    site, secrets = carrier.site, carrier.secrets
    if not view.virtual:
        return  # users and their passwords are the host's own accounts
    passwords = tuple(password_rows(site, secrets))
    if dialect in _WORKERS_READ_NO_PASSWD_FILE:
        name = f"dovecot/{dialect}/mailprov/passwords.conf.ext"
        lookups = TEMPLATES.record(name, view, DovecotConf())
        path = f"{view.folder}/passwords.conf.ext"
        yield Artifact(path, lookups.text, daemons=("dovecot",), rank=20)
        # In force before `users`, which ends the sessions of those who are out.
        yield _users_file(view, "passwords", passwords, rank=9)
    yield _users_file(view, "users", passwords)
    if view.store:
        yield _users_file(view, "mailboxes", tuple(mailbox_rows(site, carrier.host)))
    if view.peers.stores:
        yield _users_file(view, "elsewhere", tuple(elsewhere_rows(site, carrier.host)))


def _users_file(view: DovecotView, name: str, rows: tuple[object, ...], rank: int = 10) -> Artifact:
    return Artifact(
        f"{view.folder}/{name}",
        TEMPLATES.render(f"dovecot/mailprov/{name}", rows),
        group="dovecot",
        mode=0o640,
        secret=name in _WITH_HASHES,
        logins=name == "users",
        plane=Plane.DIRECTORY,
        # Dovecot looks at the file's date at each login: nothing to reload.
        rank=rank,
    )


def _lookups(view: DovecotView, dialect: str) -> Artifact:
    name = f"dovecot/{dialect}/mailprov/tables.conf.ext"
    content = TEMPLATES.record(name, view, DovecotConf()).text
    path = f"{view.folder}/tables.conf.ext"
    restart = dialect in _DRIVERS_BRING_SETTINGS
    return Artifact(path, content, daemons=("dovecot",), restart=restart, rank=20)
