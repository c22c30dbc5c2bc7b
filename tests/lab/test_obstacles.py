"""What keeps an apply from going through is told before anything is changed.

People met the words of a package's script or of ln(1) after half of the work, or seven errors of
daemons a minute after a plan without a word.
"""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from support.deployed import DeployedSite

from provisioner.lab import Lab, LabHost

pytestmark = pytest.mark.lab

RESOLV_CONF = "/etc/resolv.conf"


@pytest.fixture(scope="module")
def bare(bare_lab: Lab, beginner_text: str) -> DeployedSite:
    """Return the beginner's site for a bare host, which no test here changes."""
    path = bare_lab.home / "obstacles.yaml"
    path.write_text(
        bare_lab.site(beginner_text).replace(
            bare_lab.site("10.89.0.4"), bare_lab.host("two").address
        )
    )
    return DeployedSite(bare_lab, path, {"ALICE_PASSWORD": "four words of hers"})


@contextmanager
def changed(host: LabHost, command: str, back: str) -> Iterator[None]:
    """Have a host changed by a shell command for the length of a `with` block."""
    host.check_run(["sh", "-ec", command])
    try:
        yield
    finally:
        host.check_run(["sh", "-c", back])


def refused(site: DeployedSite, *edits: tuple[str, str]) -> str:
    """Return what plan and apply say alike, who both refuse and leave the host untouched."""
    path = site.edited("refused.yaml", *edits)
    said = [site.mailprov(verb, site=path) for verb in ("plan", "apply")]
    assert [done.returncode for done in said] == [5, 5]
    errors = {words(done) for done in said}
    assert len(errors) == 1
    host = site.host("two")
    assert host.run(["sh", "-c", "command -v postconf || [ -e /var/lib/mailprov ]"]).returncode
    return errors.pop()


def words(done: subprocess.CompletedProcess[str]) -> str:
    """Return an error without the lines of progress before it."""
    return done.stderr[done.stderr.index("; nothing was changed") :]


def test_an_address_that_is_on_no_interface(bare: DeployedSite) -> None:
    own = bare.host("two").address
    login = f"203.0.113.9, ssh: {{address: {own}}}"
    path = bare.edited("elsewhere.yaml", (f"address: {own}", f"address: {login}"))
    done = bare.mailprov("plan", site=path)
    assert done.returncode == 5
    assert f"203.0.113.9 is on no interface; the host has {own};" in done.stderr
    told = refused(bare, (f"address: {own}", f"address: {login}"))
    assert f"`address: {own}` and `public_address: 203.0.113.9`" in told
    # What it advises is accepted.
    behind = bare.edited(
        "b.yaml", (f"address: {own}", f"address: {own}, public_address: 203.0.113.9")
    )
    assert bare.mailprov("plan", site=behind).returncode == 2


def test_an_address_is_there_although_its_link_is_down(bare: DeployedSite) -> None:
    own, other = bare.host("two").address, "192.0.2.77"
    path = bare.edited("down.yaml", (f"address: {own}", f"address: [{own}, {other}]"))
    assert f"{other} is on no interface" in bare.mailprov("plan", site=path).stderr
    up = f"ip link add spare type bridge && ip addr add {other}/32 dev spare"
    with changed(bare.host("two"), up, "ip link del spare"):
        assert bare.mailprov("plan", site=path).returncode == 2


@pytest.mark.parametrize(
    ("command", "back", "advice"),
    [
        (
            f"chattr +i {RESOLV_CONF}",
            f"chattr -i {RESOLV_CONF}",
            f"`chattr -i {RESOLV_CONF}`",
        ),
        (
            f"cp {RESOLV_CONF} /root/other; mount --bind /root/other {RESOLV_CONF}",
            f"umount {RESOLV_CONF}",
            f"`umount {RESOLV_CONF}`",
        ),
        ("chattr +i /etc/passwd", "chattr -i /etc/passwd", "`chattr -i /etc/passwd`"),
        (
            "mkdir -p /etc/postfix; mount -t tmpfs -o ro tmpfs /etc/postfix",
            "umount /etc/postfix; rmdir /etc/postfix",
            "`mount -o remount,rw /etc/postfix`",
        ),
    ],
    ids=["immutable", "bind mount", "immutable accounts", "read-only folder"],
)
def test_a_file_that_cannot_be_replaced(
    bare: DeployedSite, command: str, back: str, advice: str
) -> None:
    with changed(bare.host("two"), command, back):
        assert advice in refused(bare)


def test_a_resolv_conf_that_is_to_stay_may_be_immutable(bare: DeployedSite) -> None:
    host = bare.host("two")
    own = f"address: {host.address}"
    kept = bare.edited("kept.yaml", (own, f"{own}, resolv_conf: keep"))
    with changed(host, f"chattr +i {RESOLV_CONF}", f"chattr -i {RESOLV_CONF}"):
        done = bare.mailprov("plan", site=kept)
    assert done.returncode == 2, done.stderr
    assert f"note: mail: {RESOLV_CONF} stays as it is" in done.stdout
    assert f"file {RESOLV_CONF}" not in done.stdout
