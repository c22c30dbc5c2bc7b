"""Password schemes: which there are, what their digests look like, how strong they are.

Names and digests are those of Dovecot's passdbs (doc.dovecot.org, "Password Schemes");
the digests of the *-CRYPT schemes are those of crypt(5).
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from provisioner.model.values import InvalidValueError

_B64 = r"[A-Za-z0-9+/]+={0,2}"
_SALT = r"[./A-Za-z0-9]"
_ARGON = rf"\$v=\d+\$m=\d+,t=\d+,p=\d+\${_B64}\${_B64}"
_BLOWFISH = rf"\$2[aby]\$(0[4-9]|[12][0-9]|3[01])\${_SALT}{{53}}"
_SHA256 = rf"\$5\$(rounds=[0-9]+\$)?{_SALT}{{0,16}}\${_SALT}{{43}}"
_SHA512 = rf"\$6\$(rounds=[0-9]+\$)?{_SALT}{{0,16}}\${_SALT}{{86}}"
_YESCRYPT = rf"\$g?y\$[./A-Za-z0-9]+\${_SALT}{{1,86}}\${_SALT}{{43}}"
_STRONG_CRYPT = re.compile(f"{_BLOWFISH}|{_SHA256}|{_SHA512}|{_YESCRYPT}")
_WANT = 'a hash with its scheme, like "{BLF-CRYPT}$2b$12$…"'
_FIX = "make a hash with `doveadm pw -s BLF-CRYPT`, or refer to the password: {env: VARIABLE}"
_LONGEST = 1024


@dataclass(frozen=True, slots=True)
class Scheme:
    """A password scheme: the form of its digest, and what it is good for.

    crypt: crypt(3) knows it, so that a system account can have it.
    """

    digest: re.Pattern[str]
    weak: bool = False
    crypt: bool = False


def _weak(digest: str = r"[!-9;-~]+", *, crypt: bool = False) -> Scheme:
    return Scheme(re.compile(digest), weak=True, crypt=crypt)


SCHEMES: dict[str, Scheme] = {
    "BLF-CRYPT": Scheme(re.compile(_BLOWFISH), crypt=True),
    "SHA256-CRYPT": Scheme(re.compile(_SHA256), crypt=True),
    "SHA512-CRYPT": Scheme(re.compile(_SHA512), crypt=True),
    "ARGON2I": Scheme(re.compile(rf"\$argon2i{_ARGON}")),
    "ARGON2ID": Scheme(re.compile(rf"\$argon2id{_ARGON}")),
    "PBKDF2": Scheme(re.compile(r"\$1\$[!-#%-9;-~]+\$[1-9][0-9]*\$[0-9a-f]{40}")),
    "SCRAM-SHA-1": Scheme(re.compile(rf"[1-9][0-9]*,{_B64},{_B64},{_B64}")),
    "SCRAM-SHA-256": Scheme(re.compile(rf"[1-9][0-9]*,{_B64},{_B64},{_B64}")),
    "CRYPT": Scheme(re.compile(r"[!-9;-~]{13,}"), crypt=True),
    "DES-CRYPT": _weak(rf"{_SALT}{{13}}", crypt=True),
    "MD5-CRYPT": _weak(rf"\$1\${_SALT}{{0,8}}\${_SALT}{{22}}", crypt=True),
    "MD5": _weak(),
    **{
        name: _weak()
        for name in (
            "PLAIN-MD4", "PLAIN-MD5", "LDAP-MD5", "SMD5", "CRAM-MD5", "HMAC-MD5", "DIGEST-MD5",
            "SHA", "SHA1", "SSHA", "SHA256", "SSHA256", "SHA512", "SSHA512", "OTP",
        )
    },
}  # fmt: skip
# By what they begin with, crypt(5) and Argon2 say themselves which scheme they are of.
_BARE_SCHEMES = (
    *("BLF-CRYPT", "SHA256-CRYPT", "SHA512-CRYPT", "ARGON2ID", "ARGON2I", "PBKDF2"),
    "MD5-CRYPT",
)
_OTHER_CRYPT = re.compile(
    rf"{_YESCRYPT}|\$7\${_SALT}{{11,}}\${_SALT}{{43}}|\$sha1\$[0-9]+\${_SALT}+\${_SALT}{{28}}"
    rf"|\$apr1\${_SALT}{{0,8}}\${_SALT}{{22}}"
)
# Alone, or behind a name as in htpasswd(1), with fields of shadow(5) after it.
_BARE = re.compile(r"(?:[^:\s$]+:)?(?P<digest>\$[a-z0-9]+\$[^:\s]+)(?::[^\s]*)?")
_ANY = re.compile(r"[!-9;-~]+")
_CLEARTEXT = {"PLAIN", "CLEARTEXT", "CLEAR", "PLAIN-TRUNC"}
_FORM = re.compile(r"\{([A-Za-z0-9-]+)(\.(?:HEX|B64|BASE64|hex|b64|base64))?\}(.*)", re.DOTALL)


def parse_hash(text: str) -> tuple[str, str]:
    """Return scheme (upper case, with its encoding suffix) and digest of `{SCHEME}digest`.

    Raises InvalidValueError, which never holds any of the text, if it is not one.
    """
    got = f"a cleartext value of {len(text)} characters"
    match = _FORM.fullmatch(text)
    if not match:
        refuse_bare_hash(text)
        raise InvalidValueError("a password in cleartext", want=_WANT, fix=_FIX, got=got)
    name, suffix, digest = match[1].upper(), (match[2] or "").upper(), match[3]
    if name in _CLEARTEXT:
        raise InvalidValueError("a password in cleartext", want=_WANT, fix=_FIX, got=got)
    shown = f"{{{name}}} and {len(digest)} characters"
    scheme = SCHEMES.get(name)
    if scheme is None:
        strong = ", ".join(name for name, scheme in SCHEMES.items() if not scheme.weak)
        raise InvalidValueError(
            "an unknown password scheme", want=f"one of {strong}", fix=_FIX, got=_cautious(shown)
        )
    if len(digest) > _LONGEST or not (scheme.digest if not suffix else _ANY).fullmatch(digest):
        raise InvalidValueError(
            f"a malformed {name} hash",
            want=_WANT,
            fix=f"copy the whole line that `doveadm pw -s {name}` prints, in quotes",
            got=shown,
        )
    return name + suffix, digest


def refuse_bare_hash(text: str) -> None:
    """Raise InvalidValueError, free of the text, where it is a hash without its scheme.

    That is what crypt(3), htpasswd(1) and other tools print, alone or within a line of
    passwd(5)'s form. Taken for a password, its own letters would open the mailbox.
    """
    found = _BARE.fullmatch(text)
    if found is None:
        return
    digest = found["digest"]
    names = [name for name in _BARE_SCHEMES if SCHEMES[name].digest.fullmatch(digest)]
    if not names and not _OTHER_CRYPT.fullmatch(digest):
        return
    name = names[0] if names else "CRYPT"
    alone = "" if len(digest) == len(text) else ", and remove the text around the hash"
    fix = f"write {{{name}}} before the hash{alone}"
    if digest.startswith("$apr1$"):
        fix = "make a new hash with `doveadm pw -s BLF-CRYPT`: Dovecot does not know this kind"
    got = (
        f"a hash of {len(digest)} characters that begins with {digest[: digest.index('$', 1) + 1]}"
    )
    raise InvalidValueError(
        "a hash without its scheme: its own letters would be the password",
        got=got,
        want=_WANT,
        fix=fix,
    )


def looks_hashed(text: str) -> bool:
    """Tell whether a text from a reference claims to be a hash rather than cleartext."""
    return _FORM.fullmatch(text) is not None


def is_weak(scheme: str, digest: str) -> bool:
    """Tell whether a stolen hash gives up its password quickly."""
    name = scheme.partition(".")[0]
    if name == "CRYPT":
        return not _STRONG_CRYPT.fullmatch(digest)
    return SCHEMES[name].weak


def is_crypt(scheme: str) -> bool:
    """Tell whether crypt(3) can check the hash, as a system account needs it."""
    known = SCHEMES.get(scheme)
    return known is not None and known.crypt


def _cautious(shown: str) -> str:
    # What stands in braces may be the start of a password that somebody left unhashed.
    return f"a scheme in braces that is not known ({shown.rpartition(' and ')[2]} after it)"
