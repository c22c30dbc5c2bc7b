"""The package cache of this machine's labs: one apt-cacher-ng for all of them.

It listens on the cache's own addresses only (see `addresses`), which lab hosts
reach by a host route, and fetches from the machine's configured package sources.
It is the only thing in a lab that talks to the outside, and it does so for apt.

The first lab starts it, the last one to go stops it; "first" and "last" are read
off the bridges that exist, under a lock, so that nobody has to count. Its files
stay in the cache folder, which makes a later install quick and frugal.
"""

from __future__ import annotations

import shutil
import socket
import time
from collections.abc import Sequence
from http import HTTPStatus
from http.client import HTTPConnection, HTTPException
from pathlib import Path

from provisioner.diagnostics import Diagnostic, MailprovError
from provisioner.lab import network
from provisioner.lab.addresses import CACHE_ADDRESS, CACHE_ADDRESS6
from provisioner.lab.cgroups import Cgroup, remove_top_group
from provisioner.lab.package_sources import PackageSource, read_machine_sources, through_cache
from provisioner.lab.places import cache_root, exclusive
from provisioner.lab.programs import run_program, tail
from provisioner.lab.tree_recipes import CODENAMES, DEFAULT_TREE

PORT = 3142
_GROUP = Cgroup("cache")
_USER = "apt-cacher-ng"
_START_SECONDS = 10.0
_ANSWER_SECONDS = 20.0
_CHUNK = 65536
# What the cache tells of itself; to be asked for where the machine has no package sources.
_REPORT = "acng-report.html"
_LOCK = "package-cache"


def cache_url(*, version: int = 4) -> str:
    """Return the proxy URL for apt on a host that has addresses of this IP version."""
    host = CACHE_ADDRESS if version == 4 else f"[{CACHE_ADDRESS6}]"  # noqa: PLR2004
    return f"http://{host}:{PORT}"


class PackageCacheError(MailprovError):
    """The package cache does not serve: no lab can install anything."""


def start_cache() -> None:
    """See to it that the cache serves packages; PackageCacheError if it does not.

    One that runs and does not serve, because its folder is gone with another checkout, say, is
    ended, and another takes its place.
    """
    asked = probe_uri(read_machine_sources())
    with exclusive(_LOCK):
        network.create_cache_interface()
        if _GROUP.is_populated() and not refusal_of(CACHE_ADDRESS, PORT, asked):
            return
        _GROUP.kill()
        _GROUP.create()
        folder = _write_configuration()
        log = folder / "log" / "console.log"
        script = (
            'echo $$ >"$1/cgroup.procs" && shift && exec setpriv '
            f'--reuid={_USER} --regid={_USER} --clear-groups "$@" >"{log}" 2>&1 </dev/null'
        )
        program = shutil.which("apt-cacher-ng", path="/usr/sbin:/usr/bin:/usr/local/sbin")
        start = ["sh", "-c", script, "sh", str(_GROUP.folder), str(program), "-c"]
        run_program(["setsid", "--fork", *start, str(folder / "conf")])
        deadline = time.monotonic() + _START_SECONDS
        while refusal := refusal_of(CACHE_ADDRESS, PORT, asked):
            if time.monotonic() > deadline or (_answers() and not _GROUP.is_populated()):
                raise _does_not_serve(refusal, tail(log.read_text() if log.exists() else ""))
            time.sleep(0.05)


def _does_not_serve(refusal: str, log: str) -> PackageCacheError:
    return PackageCacheError(
        Diagnostic(
            summary=f"the lab's package cache does not serve packages: {refusal}",
            where=f"{CACHE_ADDRESS} port {PORT}",
            got=log,
            want="an answer of apt-cacher-ng of this lab's own",
            fix="find the program that listens there (`ss -ltnp`), end it, then run the command "
            "again",
        )
    )


def probe_uri(sources: Sequence[PackageSource]) -> str:
    """Return a small file of these package sources, as the cache is asked for it."""
    if not sources:
        return f"{cache_url()}/{_REPORT}"
    release = f"{CODENAMES[DEFAULT_TREE]}{sources[0].suite}"
    return f"{through_cache(sources[0].uri)}/dists/{release}/InRelease"


def refusal_of(address: str, port: int, uri: str) -> str:
    """Return why a cache does not serve a file, empty if it does.

    That its source does not answer (502 to 504) is none of its faults: what it has, it serves.
    """
    connection = HTTPConnection(address, port, timeout=_ANSWER_SECONDS)
    try:
        connection.request("GET", uri)
        answer = connection.getresponse()
        answer.read(_CHUNK)
    except (OSError, HTTPException) as problem:
        return f"no answer ({problem or type(problem).__name__})"
    finally:
        connection.close()
    broken = answer.status == HTTPStatus.INTERNAL_SERVER_ERROR
    return f"{answer.status} {answer.reason}" if broken else ""


def stop_cache_if_unused() -> None:
    """Stop the cache and remove its interface unless a lab's bridge still stands."""
    with exclusive(_LOCK):
        if not network.find_bridges():
            _GROUP.remove()
            network.delete_cache_interface()
            network.forget_namespaces_folder()
            remove_top_group()


def is_cache_running() -> bool:
    """Tell whether the cache's process lives."""
    return _GROUP.is_populated()


def _answers() -> bool:
    try:
        with socket.create_connection((CACHE_ADDRESS, PORT), timeout=1):
            return True
    except OSError:
        return False


def _write_configuration() -> Path:
    folder = cache_root() / "packages"
    for name in ("conf", "data", "log"):
        (folder / name).mkdir(parents=True, exist_ok=True)
        shutil.chown(folder / name, _USER, _USER)
    lines = [
        f"CacheDir: {folder}/data",
        f"LogDir: {folder}/log",
        "SupportDir: /usr/lib/apt-cacher-ng",
        f"BindAddress: {CACHE_ADDRESS} [{CACHE_ADDRESS6}]",
        f"Port: {PORT}",
        "ForeGround: 1",
        "ExThreshold: 30",
    ]
    proxy = _machine_proxy()
    if proxy:
        lines.append(f"Proxy: {proxy}")
    text = "# Written by mailprov for its lab's package cache.\n" + "\n".join(lines) + "\n"
    (folder / "conf" / "acng.conf").write_text(text)
    return folder


def _machine_proxy() -> str:
    """Return the proxy that this machine's own apt uses, or ""."""
    if not shutil.which("apt-config"):
        return ""
    line = run_program(["apt-config", "shell", "P", "Acquire::http::Proxy"]).strip()
    value = line.partition("=")[2].strip("'")
    return "" if value in ("", "DIRECT") else value
