"""`python -m benchmarks.under_attack.clients`: an attacker or a caller, on a lab host's network.

Attackers work until they are ended. They say `ready` once each of their connections has started its
work, or was refused. A caller logs in at each port, one after the other, a given number of times.
It writes the results as JSON. The password comes by standard input.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import ssl
import sys
import time
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import asdict, dataclass
from itertools import count

from benchmarks.under_attack.sessions import Session, SessionError

_ENDS = (OSError, SessionError, ssl.SSLError, ValueError)
_PAUSE = 1.0  # seconds before a connection that failed is tried anew
_PATIENCE = 300.0  # seconds for one login: Postfix itself gives up after ten

Arrived = Callable[[], None]


@dataclass(frozen=True)
class Login:
    """One login of a caller: seconds from the first packet, and "" or the error."""

    port: int
    seconds: float
    failure: str


async def guess(options: argparse.Namespace, source: str, arrived: Arrived) -> None:
    """Try one wrong password after the other, as often as the server lets us."""
    session = await Session.open(options.server, options.port, source)
    arrived()
    try:
        for number in count():
            try:
                await session.log_in(options.user, f"wrong {source} {id(session)} {number}")
            except SessionError as end:
                if not end.goes_on:
                    raise
    finally:
        session.close()


async def idle(options: argparse.Namespace, source: str, arrived: Arrived) -> None:
    """Connect and say nothing."""
    session = await Session.open(options.server, options.port, source)
    arrived()
    try:
        await session.wait_for_end()
    finally:
        session.close()


async def hold(options: argparse.Namespace, source: str, arrived: Arrived) -> None:
    """Log in with the right password and stay."""
    session = await Session.open(options.server, options.port, source)
    try:
        await session.log_in(options.user, options.password)
        arrived()
        await session.wait_for_end()
    finally:
        session.close()


_KINDS: dict[str, Callable[[argparse.Namespace, str, Arrived], Awaitable[None]]] = {
    "guess": guess,
    "idle": idle,
    "hold": hold,
}


async def attack(options: argparse.Namespace) -> None:
    """Keep the wanted number of connections busy from each address."""
    places = [source for source in options.source for _ in range(options.connections)]
    waiting = set(range(len(places)))

    def arrive(place: int) -> None:
        waiting.discard(place)
        if not waiting:
            sys.stdout.write("ready\n")
            sys.stdout.flush()
            waiting.add(-1)  # said once

    async def for_ever(place: int, source: str) -> None:
        while True:
            with contextlib.suppress(*_ENDS):
                await _KINDS[options.kind](options, source, lambda: arrive(place))
            arrive(place)
            await asyncio.sleep(_PAUSE)

    async with asyncio.TaskGroup() as group:
        for place, source in enumerate(places):
            group.create_task(for_ever(place, source))


async def call(options: argparse.Namespace) -> list[Login]:
    """Log in at each port in turn, from one address after the other."""
    return [
        await _call(options, port, options.source[number % len(options.source)])
        for number in range(options.times)
        for port in options.ports
    ]


async def _call(options: argparse.Namespace, port: int, source: str) -> Login:
    begun = time.monotonic()
    failure = ""
    try:
        async with asyncio.timeout(_PATIENCE):
            session = await Session.open(options.server, port, source)
            with _closing(session):
                await session.log_in(options.user, options.password)
    except _ENDS as problem:  # TimeoutError is an OSError
        failure = f"{type(problem).__name__}: {problem}"
    return Login(port, round(time.monotonic() - begun, 3), failure)


@contextlib.contextmanager
def _closing(session: Session) -> Iterator[None]:
    try:
        yield
    finally:
        session.close()


def main() -> None:
    """Do what the options say."""
    options = _parser().parse_args()
    options.password = sys.stdin.readline().rstrip("\n")
    if options.kind == "call":
        json.dump([asdict(login) for login in asyncio.run(call(options))], sys.stdout)
    else:
        asyncio.run(attack(options))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__)
    add = parser.add_argument
    add("kind", choices=(*_KINDS, "call"))
    add("server")
    add("--user", required=True)
    add("--source", nargs="+", required=True, help="addresses that the client uses")
    add("--port", type=int, default=993, help="the port that is attacked")
    add("--ports", type=int, nargs="+", help="the ports that a caller uses")
    add("--connections", type=int, default=1, help="connections of an attacker from each address")
    add("--times", type=int, default=1, help="logins of a caller at each port")
    return parser


if __name__ == "__main__":
    main()
