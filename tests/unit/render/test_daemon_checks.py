"""The daemons' own checkers on rendered trees, as if the trees were live.

Includes and maps are named by absolute paths, so a tree is bound over /etc in a mount
namespace of its own. Any line on standard error is a finding: the tools exit 0 for
nearly anything.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest
from golden.rewrite import SITES, rendered_tree

_TOOLS = ("unshare", "postfix", "doveconf", "unbound-checkconf", "openssl")
_ANCHOR = Path("/usr/share/dns/root.key")
_INSIDE = """
tree=$1; shift
mount --bind "$tree/etc" /etc
mount -t tmpfs tmpfs /var/spool/postfix && chmod 755 /var/spool/postfix
mount --bind "$tree/unbound" /var/lib/unbound
mount -t tmpfs tmpfs /run && mkdir /run/unbound
exec "$@"
"""
_MAPS = """
for map in $(postconf -nx | grep -o 'texthash:[^ ,]*' | sort -u); do
    postmap -s "$map" >/dev/null || exit 1
done
"""
_POSTFIX = (["postfix", "check"], ["postconf", "-n"], ["postconf", "-M"], ["sh", "-c", _MAPS])


def _dialect() -> str:
    """Return which Dovecot this machine has: its doveconf(1) reads no other language."""
    if not shutil.which("dovecot"):
        return ""
    done = subprocess.run(["dovecot", "--version"], capture_output=True, text=True, check=False)
    return ".".join(done.stdout.split(".")[:2])


_OWN = "debian-13" if _dialect() == "2.4" else "debian-12"


def _missing() -> str:
    absent = [tool for tool in _TOOLS if not shutil.which(tool)]
    if os.geteuid() != 0:
        return "binding a tree over /etc needs root"
    if absent or not _ANCHOR.is_file():
        return f"not installed: {', '.join(absent) or 'dns-root-data'}"
    return ""


pytestmark = pytest.mark.skipif(bool(_missing()), reason=_missing() or "all is here")


@pytest.fixture(scope="module")
def pem(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    folder = tmp_path_factory.mktemp("pem")
    options = f"-nodes -subj /CN=mail -keyout {folder}/k -out {folder}/c"
    command = f"openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 {options}"
    subprocess.run(command.split(), check=True, capture_output=True)
    return (folder / "k").read_bytes() + (folder / "c").read_bytes()


class Tree:
    """A copy of /etc with the files of one host laid over it."""

    def __init__(self, folder: Path, files: dict[str, bytes], host: str, pem: bytes) -> None:
        self.folder = folder
        self.files = {
            name.removeprefix(f"{host}/"): content
            for name, content in files.items()
            if name.startswith(f"{host}/etc/")
        }
        shutil.copytree("/etc", folder / "etc", symlinks=True)
        (folder / "unbound").mkdir()
        shutil.copy(_ANCHOR, folder / "unbound/root.key")
        if self.has("postfix"):
            # What the host makes itself.
            self.files["etc/mailprov/tls/site.pem"] = pem
            self.files["etc/postfix/mailprov/probe"] = b""
        for name, content in self.files.items():
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.unlink(missing_ok=True)
            path.write_bytes(content)
            # Postfix waits until a file that was written just now has been still for a second.
            os.utime(path, (0, 0))

    def has(self, daemon: str) -> bool:
        return any(name.startswith(f"etc/{daemon}/") for name in self.files)

    def append(self, name: str, text: str) -> None:
        with (self.folder / name).open("a") as file:
            file.write(text)

    def complaints(self, *command: str) -> str:
        """Return what a checker says on standard error; its exit code if it is not 0."""
        inside = ["unshare", "-m", "sh", "-ec", _INSIDE, "sh", str(self.folder), *command]
        done = subprocess.run(inside, capture_output=True, text=True, check=False, timeout=60)
        return done.stderr + (f"exit code {done.returncode}" if done.returncode else "")


def _hosts() -> list[tuple[str, str]]:
    return [
        (name, host)
        for name in SITES
        for host in sorted({path.split("/")[0] for path in rendered_tree(name, _OWN)})
    ]


@pytest.mark.parametrize(("name", "host"), _hosts())
def test_no_checker_objects_to_a_debian_tree(
    tmp_path: Path, pem: bytes, name: str, host: str
) -> None:
    tree = Tree(tmp_path, rendered_tree(name, _OWN), host, pem)
    commands = [*_POSTFIX] if tree.has("postfix") else []
    commands += [["doveconf", "-n"]] if tree.has("dovecot") else []
    commands += [["unbound-checkconf"]] if tree.has("unbound") else []
    got = {" ".join(command[:2]): tree.complaints(*command) for command in commands}
    assert got == dict.fromkeys(got, "")
    assert got


@pytest.mark.parametrize(("name", "host"), _hosts())
def test_the_language_of_an_el_tree_is_understood(
    tmp_path: Path, pem: bytes, name: str, host: str
) -> None:
    # The daemons here are Debian's: they read the same languages, so what is misspelt shows.
    # `postfix check` is left out, because it looks for programs where EL has them.
    tree = Tree(tmp_path, rendered_tree(name, "el-9"), host, pem)
    commands = [*_POSTFIX[1:]] if tree.has("postfix") else []
    commands += [["doveconf", "-n"]] if tree.has("dovecot") and _dialect() == "2.3" else []
    commands += [["unbound-checkconf"]] if tree.has("unbound") else []
    got = {" ".join(command[:2]): tree.complaints(*command) for command in commands}
    assert got == dict.fromkeys(got, "")
    assert got


@pytest.mark.parametrize(
    ("file", "text", "command"),
    [
        ("etc/postfix/main.cf", "smtpd_sasl_security_restrictions = noanonymous\n", "postconf -n"),
        ("etc/postfix/master.cf", "25 inet n\n", "postconf -M"),
        ("etc/postfix/mailprov/aliases", "key-without-value\n", "maps"),
        ("etc/dovecot/conf.d/10-auth.conf", "auth_mechanism = plain\n", "doveconf -n"),
        ("etc/unbound/unbound.conf", "server:\n  interfaces: 192.0.2.1\n", "unbound-checkconf"),
        (
            "etc/unbound/unbound.conf.d/mailprov-zones.conf",
            'server:\n  local-data: "broken"\n',
            "unbound-checkconf",
        ),
    ],
)
def test_a_broken_tree_is_objected_to(
    tmp_path: Path, pem: bytes, file: str, text: str, command: str
) -> None:
    tree = Tree(tmp_path, rendered_tree("beginner", _OWN), "mail", pem)
    words = ["sh", "-c", _MAPS] if command == "maps" else command.split()
    assert not tree.complaints(*words)
    tree.append(file, text)
    assert tree.complaints(*words)
