"""All the secrets that a site refers to, read before any connection is made.

A missing variable, an unreadable file and an unusable password are mistakes of the site
as much as a wrong key: all of them are told at once, with their places in the file. But a
user's password that cannot be read here is no mistake where the host remembers it: it stays
as the host has it. Who only looks at a site needs none at all.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from enum import Enum, auto
from pathlib import Path

from provisioner.diagnostics import Diagnostic, ExitCode, MailprovError
from provisioner.directory.inline import directory_of
from provisioner.model.hashes import looks_hashed, refuse_bare_hash
from provisioner.model.insecurities import INSECURITIES
from provisioner.model.names import MailAddress
from provisioner.model.problems import KeyPath, SiteProblem
from provisioner.model.secrets import KnownCredential, PasswordHash, SecretReference
from provisioner.model.site import AccountKind, Allowance, Site, TlsFiles, User
from provisioner.model.topology import mail_hosts
from provisioner.model.values import InvalidValueError
from provisioner.site.password_memory import (
    BCRYPT_OCTETS,
    key_path,
    obtain_key,
    settle_passwords,
)
from provisioner.site.places import place_problems
from provisioner.site.references import place, read_reference
from provisioner.site.weak_passwords import hints_about, reason_weak

_AT_ONCE = 8
"""Commands that run at the same time: password stores are slow to start."""
_NAMED = 3
"""Users whose passwords cannot be read that a note names."""


class Need(Enum):
    """Which of the users' passwords have to be readable.

    NONE: whoever only looks at a site does without. UNKNOWN: those that the host does not
    remember; it keeps the others. ALL: every one, to log in with it.
    """

    NONE = auto()
    UNKNOWN = auto()
    ALL = auto()


@dataclass(frozen=True)
class Secrets:
    """What the references of a site led to; it stays in this process.

    tls_chain: the operator's key and certificates in PEM, None where the site has none.
    own_roots: the certificates among them that signed themselves, None as well.
    """

    warnings: tuple[Diagnostic, ...]
    tls_chain: bytes | None = field(repr=False)
    own_roots: str | None
    _values: Mapping[SecretReference, str] = field(repr=False)
    _passwords: Mapping[MailAddress, str] = field(repr=False)
    _key: bytes = field(repr=False)
    _unread: Mapping[MailAddress, SiteProblem] = field(repr=False)
    _need: Need
    _path: Path

    def reveal(self, reference: SecretReference) -> str:
        """Return the secret of one of the site's references."""
        return self._values[reference]

    def cleartext(self, address: MailAddress) -> str | None:
        """Return a user's password; None where the site has only its hash, or did not read it."""
        password = self._passwords.get(address)
        return None if isinstance(password, PasswordHash) else password

    def settle(
        self, known: Mapping[MailAddress, KnownCredential]
    ) -> Mapping[MailAddress, KnownCredential]:
        """Return the hashes of referenced passwords: the known ones where nothing changed.

        A password that could not be read stays as it is known. MailprovError (invalid site)
        with each that is not known, where such are needed; else they are left out.
        """
        unknown = self._unread.keys() - known.keys()
        if unknown and self._need is Need.UNKNOWN:
            problems = (
                replace(problem, want=f"{problem.want}: the host does not have the password yet")
                for address, problem in self._unread.items()
                if address in unknown
            )
            raise MailprovError(place_problems(self._path, problems), ExitCode.INVALID_SITE)
        kept = {address: known[address] for address in self._unread if address in known}
        return {**settle_passwords(self._passwords, known, self._key), **kept}

    def notes(self, known: Mapping[MailAddress, KnownCredential]) -> Iterator[str]:
        """Yield what becomes of the passwords that could not be read here, in a line each."""
        kept = [address for address in self._unread if address in known]
        if kept:
            yield f"{self._listed(kept)}: the host keeps its present password"
        if new := [address for address in self._unread if address not in known]:
            yield f"{self._listed(new)}: the host does not have the password, and apply needs it"

    def _listed(self, addresses: Sequence[MailAddress]) -> str:
        shown = [f"{one} ({self._unread[one].summary})" for one in addresses[:_NAMED]]
        more = len(addresses) - _NAMED
        listed = ", ".join(shown) + (f" and {more} more" if more > 0 else "")
        return f"mailprov cannot read these passwords here: {listed}"


def read_secrets(
    site: Site,
    path: Path,
    environment: Mapping[str, str] | None = None,
    need: Need = Need.UNKNOWN,
) -> Secrets:
    """Return the secrets of a site; MailprovError (invalid site) with all that is wrong.

    path: of the site file, whose folder relative paths start from. environment: of this
    process unless given. need: which passwords of users have to be readable. Those of
    disabled users are not read. What logs in to hosts is always needed.
    """
    variables = os.environ if environment is None else environment
    base = path.absolute().parent
    logins = dict(_logins(site))
    users = {_path_of(user): reference for user, reference in _referring(site)}
    wanted = {**logins, **users}
    values, unreadable, warnings = read_all(wanted, base, variables)
    failures = {wanted[problem.path]: problem for problem in unreadable}
    problems = [
        replace(failures[reference], path=path)
        for path, reference in logins.items()
        if reference in failures
    ]
    passwords, unread, wrong = _of_users(site, values, failures)
    problems += wrong
    for user, _ in _referring(site):
        if user.address in passwords:
            warnings += _warn_password(user, passwords[user.address])
    if need is Need.ALL:
        problems += unread.values()
    chain = roots = None
    if isinstance(site.tls, TlsFiles):
        chain, roots, found, doubts = _read_tls(site, site.tls, base)
        problems += found
        warnings += doubts
    if problems:
        raise MailprovError(place_problems(path, problems), ExitCode.INVALID_SITE)
    key = obtain_key(key_path(variables)) if passwords else b""
    told = place_problems(path, warnings, "warning: ")
    return Secrets(told, chain, roots, values, passwords, key, unread, need, path)


def _of_users(
    site: Site,
    values: Mapping[SecretReference, str],
    failures: Mapping[SecretReference, SiteProblem],
) -> tuple[dict[MailAddress, str], dict[MailAddress, SiteProblem], list[SiteProblem]]:
    """Return users' passwords, why others could not be read, and what cannot be a password."""
    passwords: dict[MailAddress, str] = {}
    unread: dict[MailAddress, SiteProblem] = {}
    wrong: list[SiteProblem] = []
    for user, reference in _referring(site):
        if reference in failures:
            unread[user.address] = replace(failures[reference], path=_path_of(user))
            continue
        try:
            passwords[user.address] = _checked(values[reference], site)
        except InvalidValueError as error:
            wrong.append(SiteProblem.of(_path_of(user), error, ""))
    return passwords, unread, wrong


def _referring(site: Site) -> Iterator[tuple[User, SecretReference]]:
    for user in directory_of(site).users:
        if user.enabled and isinstance(user.password, SecretReference):
            yield user, user.password


def _logins(site: Site) -> Iterator[tuple[KeyPath, SecretReference]]:
    for host in site.hosts:
        for name, reference in (
            ("password", host.ssh.password),
            ("become_password", host.ssh.become_password),
        ):
            if reference is not None:
                yield ("hosts", host.key, "ssh", name), reference


def _path_of(user: User) -> KeyPath:
    return ("users", user.address, "password")


Read = tuple[dict[SecretReference, str], list[SiteProblem], list[SiteProblem]]


def read_all(
    wanted: Mapping[KeyPath, SecretReference],
    base: Path,
    variables: Mapping[str, str],
    *,
    rows: bool = False,
) -> Read:
    """Return secrets by reference, problems and warnings; each reference is read once.

    wanted: the references by the places that name them, of which problems name the first.
    rows: secrets may have several lines.
    """

    def read(item: tuple[SecretReference, KeyPath]) -> tuple[str, str] | SiteProblem:
        reference, path = item
        try:
            return read_reference(reference, base, variables, rows=rows)
        except InvalidValueError as error:
            return SiteProblem.of(path, error, "")

    first: dict[SecretReference, KeyPath] = {}
    for path, reference in wanted.items():
        first.setdefault(reference, path)
    values: dict[SecretReference, str] = {}
    problems: list[SiteProblem] = []
    warnings: list[SiteProblem] = []
    with ThreadPoolExecutor(max_workers=_AT_ONCE) as pool:
        for (reference, path), result in zip(
            first.items(), pool.map(read, first.items()), strict=True
        ):
            if isinstance(result, SiteProblem):
                problems.append(result)
                continue
            values[reference], doubt = result
            if doubt:
                warnings.append(_readable_by_others(path, doubt))
    return values, problems, warnings


def _checked(value: str, site: Site) -> str:
    """Return the password of a user, typed as a hash where it is one; InvalidValueError."""
    if not looks_hashed(value):
        refuse_bare_hash(value)
        if len(value.encode()) > BCRYPT_OCTETS:
            raise InvalidValueError(
                "a password that bcrypt cannot take",
                got=f"{len(value.encode())} bytes",
                want=f"at most {BCRYPT_OCTETS} bytes in UTF-8",
                fix="shorten the password, or refer to a hash of another scheme",
            )
        return value
    hashed = PasswordHash.parse(value)
    shown = f"{{{hashed.scheme}}}"
    if hashed.weak and Allowance.WEAK_HASH not in site.allow_insecure:
        raise InvalidValueError(
            "a weak password scheme: a stolen hash soon reveals the password",
            got=shown,
            want="BLF-CRYPT, ARGON2ID, SHA512-CRYPT or another strong scheme",
            fix="make a new hash; to keep this one, set `allow_insecure: {weak-hash: REASON}`",
        )
    if site.accounts.kind is AccountKind.SYSTEM and not hashed.crypt:
        raise InvalidValueError(
            "a password scheme that a system account cannot have",
            got=shown,
            want="a scheme of crypt(5): BLF-CRYPT, SHA512-CRYPT, SHA256-CRYPT",
            fix="make a hash with `doveadm pw -s BLF-CRYPT`",
        )
    return hashed


def _warn_password(user: User, password: str) -> Iterator[SiteProblem]:
    """Yield what is worth a warning about a password that was read; none of it is shown."""
    path = _path_of(user)
    if isinstance(password, PasswordHash):
        told = INSECURITIES[Allowance.WEAK_HASH]
        if password.weak:
            fix = f"make a new hash, and remove `{Allowance.WEAK_HASH}` from `allow_insecure`"
            got = f"a reference to {{{password.scheme}}}"
            yield SiteProblem(path, told.summary, got=got, want=told.safe, fix=fix)
    elif reason := reason_weak(password, hints_about(user.address, user.name)):
        yield SiteProblem(
            path,
            f"a weak password: {reason}",
            got=f"the password of {user.address}",
            want="at least four unrelated words, or 12 random characters",
            fix="choose another password, store it at the reference, and apply again",
        )


def _read_tls(
    site: Site, files: TlsFiles, base: Path
) -> tuple[bytes | None, str | None, list[SiteProblem], list[SiteProblem]]:
    # cryptography is slow to import, and few sites keep their own certificate.
    from provisioner.site import tls_files  # noqa: PLC0415 see above

    at: KeyPath = ("tls", "files")
    problems: list[SiteProblem] = []
    key = chain = None
    try:
        chain = tls_files.read_certificates(place(files.certificate, base))
    except InvalidValueError as error:
        problems.append(SiteProblem.of((*at, "certificate"), error, ""))
    try:
        key = tls_files.read_key(place(files.key, base))
    except InvalidValueError as error:
        problems.append(SiteProblem.of((*at, "key"), error, ""))
    if key is None or chain is None:
        return None, None, problems, []
    now = datetime.now(UTC)
    try:
        tls_files.check_pair(chain, key, now)
    except InvalidValueError as error:
        return None, None, [SiteProblem.of((*at, "certificate"), error, "")], []
    names = [host.fqdn for host in mail_hosts(site)]
    doubts = tls_files.warn_chain(chain, place(files.key, base), names, now)
    warnings = [SiteProblem.of((*at, which), error, "") for which, error in doubts]
    return tls_files.combined_pem(chain, key, now), tls_files.own_roots(chain), [], warnings


def _readable_by_others(path: KeyPath, doubt: str) -> SiteProblem:
    what, _, fix = doubt.partition(": ")
    return SiteProblem(path, "other users can read a secret", what, "mode 0600", fix)
