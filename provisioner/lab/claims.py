"""Which lab has which number, and how to make one go away for good.

A number is claimed by making the bridge that bears it, and a bridge says in its
label which lab it belongs to. So both are found again from the kernel alone, when
the process that made them was killed and even when the state folder is gone.
"""

from __future__ import annotations

import contextlib
import shutil
from pathlib import Path

from provisioner.diagnostics import MailprovError
from provisioner.lab import network
from provisioner.lab.addresses import DEMO_NUMBER, LAST_NUMBER, check_name
from provisioner.lab.cgroups import remove_top_group
from provisioner.lab.failures import lab_error
from provisioner.lab.host import stop_everything
from provisioner.lab.package_cache import stop_cache_if_unused
from provisioner.lab.places import cache_root, exclusive
from provisioner.lab.state import lab_folder, read_state

DEMO = "demo"
# Held while numbers are read and given or freed: the remains of one lab must never
# be taken for the beginnings of another.
_LOCK = "numbers"
# Each host's systemd wants a handful of inotify instances, and Linux grants a user 128 of them:
# with a dozen hosts the next one fails to boot with "Too many open files". The first lab raises
# the limit and notes what it was; the last one to go puts it back.
_INOTIFY_LIMIT = Path("/proc/sys/fs/inotify/max_user_instances")
_INOTIFY_WANTED = 8192
_INOTIFY_BEFORE = Path("/run/lock/mailprov-lab/inotify-instances-before")


def take_down(name: str, *, purge: bool = False) -> None:
    """Remove the lab `name`: processes, mounts, namespaces, interfaces and its folder.

    Works from the name alone, whatever became of the process that brought it up; no
    such lab is fine. purge also deletes the cached root trees and packages, unless
    another lab is up. Raises MailprovError when a process survives SIGKILL.
    """
    check_name(name, "lab")
    with exclusive(f"lab-{name}"), exclusive(_LOCK):
        _remove_remains(name)
        if not network.find_bridges():
            _restore_limits()
    stop_cache_if_unused()
    remove_top_group()
    if purge:
        with exclusive(_LOCK):  # no lab begins meanwhile
            if not network.find_bridges():
                shutil.rmtree(cache_root(), ignore_errors=True)


def _remove_remains(name: str) -> None:
    for number in _numbers_of(name):
        stop_everything(number)
        network.delete_bridge(number)
    # Last: as long as the folder is there, another attempt knows what to look for.
    shutil.rmtree(lab_folder(name), ignore_errors=True)


def _label(name: str) -> str:
    return f"mailprov lab {lab_folder(name)}"


def _numbers_of(name: str) -> list[int]:
    """Return the numbers that the lab holds, by its bridges' labels and by its state."""
    numbers = {bridge.number for bridge in network.find_bridges() if bridge.label == _label(name)}
    try:
        state = read_state(name)
    except MailprovError:  # an unreadable state must not keep a lab from going
        state = None
    taken = {bridge.number for bridge in network.find_bridges()}
    if state is not None and state.number not in taken:
        numbers.add(state.number)
    return sorted(numbers)


def claim_number(name: str) -> int:
    """Return the lab's number: the one it has, or a free one with a bridge made for it.

    A lab whose bridge is gone (the machine was rebooted) loses its hosts and begins
    anew. Raises MailprovError when all numbers are taken.
    """
    with exclusive(_LOCK):
        _raise_limits()
        return _claim_number(name)


def _claim_number(name: str) -> int:
    held = [bridge.number for bridge in network.find_bridges() if bridge.label == _label(name)]
    state = read_state(name)
    if state is not None and state.number in held:
        return state.number
    _remove_remains(name)
    for bridge in network.find_bridges():
        if not bridge.label:  # its maker was killed in between, for we hold the lock
            network.delete_bridge(bridge.number)
    choices = [DEMO_NUMBER] if name == DEMO else range(1, LAST_NUMBER + 1)
    for number in choices:
        if network.create_bridge(number, _label(name)):
            return number
    raise lab_error(
        "no lab number is free",
        where=name,
        got=", ".join(f"{b.number}: {b.label}" for b in network.find_bridges()),
        fix="take down a lab that is no longer needed",
    )


def _raise_limits() -> None:
    """Raise the limit unless it is high enough; the caller holds the numbers' lock."""
    before = int(_INOTIFY_LIMIT.read_text())
    if before < _INOTIFY_WANTED:
        _INOTIFY_BEFORE.write_text(f"{before}\n")
        _INOTIFY_LIMIT.write_text(f"{_INOTIFY_WANTED}\n")


def _restore_limits() -> None:
    """Put back what was before the first lab; the caller knows that no lab is up."""
    with contextlib.suppress(FileNotFoundError):
        _INOTIFY_LIMIT.write_text(_INOTIFY_BEFORE.read_text())
        _INOTIFY_BEFORE.unlink()
