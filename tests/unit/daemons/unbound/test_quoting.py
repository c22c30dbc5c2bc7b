"""unbound.conf and the records in it: Unbound itself reads back what went in."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import tempfile
import time
from pathlib import Path

import dns.message
import dns.query
import dns.rdata
import dns.rdataclass
import dns.rdatatype
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from support.chance import examples
from unit.quoting.batches import batches, expressible, with_tools

from provisioner.daemons.unbound.quoting import unbound_string, zone_data
from provisioner.diagnostics import MailprovError

needs_unbound = pytest.mark.skipif(
    not shutil.which("unbound-checkconf"),
    reason="Unbound is not installed: nothing to read it back with",
)


@needs_unbound
@with_tools
@given(batches)
@example(["", "#", "a # b", '"', "'", "\\", "a b", "addr@853 #name", "include: x", "é", "$", "%"])
def test_a_string_of_unbound_conf_reads_back(values: list[str]) -> None:
    want = expressible(unbound_string, values)
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "unbound.conf")
        rows = (f"    domain-insecure: {text}\n" for text in want.values())
        file.write_text("server:\n" + "".join(rows), encoding="utf-8")
        command = ["unbound-checkconf", "-o", "domain-insecure", str(file)]
        done = subprocess.run(command, capture_output=True, check=True)
    assert not done.stderr
    # It keeps the list in the order in which it would be searched: last one first.
    assert done.stdout.decode().split("\n")[-2::-1] == list(want)


@pytest.mark.parametrize("value", ["a\nb", "\x00", "both \" and '", "\\"])
def test_what_unbound_conf_cannot_say_is_refused(value: str) -> None:
    with pytest.raises(MailprovError, match=r"unbound\.conf cannot express"):
        unbound_string(value)


def _answers(records: list[str], names: list[str]) -> list[bytes]:
    """Return the text of each name's TXT record, as an Unbound with these records gives it."""
    port = _free_port()
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "unbound.conf")
        rows = "".join(f"    local-data: {record}\n" for record in records)
        file.write_text(
            f'server:\n    interface: 127.0.0.1@{port}\n    username: ""\n    chroot: ""\n'
            f'    directory: "{folder}"\n    pidfile: ""\n    use-syslog: no\n'
            "    do-daemonize: no\n"
            f'    module-config: "iterator"\n    local-zone: "example." static\n{rows}'
            "remote-control:\n    control-enable: no\n",
            encoding="utf-8",
        )
        with subprocess.Popen(
            ["unbound", "-c", str(file)], stdout=subprocess.PIPE, stderr=subprocess.PIPE
        ) as process:
            try:
                return [_ask(name, port, process) for name in names]
            finally:
                process.terminate()


def _free_port() -> int:
    """Return a port of loopback that is free for UDP and TCP, and that no client is given.

    Ports that the kernel hands out to clients could be taken again before Unbound starts. Each
    process looks from another one on: two Unbounds may share a port (so-reuseport).
    """
    for offset in range(10_000):
        port = 20_000 + (os.getpid() + offset) % 10_000
        with (
            socket.socket(type=socket.SOCK_DGRAM) as datagram,
            socket.socket(type=socket.SOCK_STREAM) as stream,
        ):
            try:
                datagram.bind(("127.0.0.1", port))
                stream.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
    pytest.fail("no free port on loopback")


def _ask(name: str, port: int, process: subprocess.Popen[bytes]) -> bytes:
    query = dns.message.make_query(name, "TXT")
    deadline = time.monotonic() + 60  # for a machine with much else to do
    while True:
        assert process.poll() is None, process.communicate()
        try:
            answer = dns.query.udp(query, "127.0.0.1", port=port, timeout=0.1)
        except (dns.exception.Timeout, OSError):
            assert time.monotonic() < deadline
            time.sleep(0.02)
            continue
        return b"".join(answer.answer[0][0].strings)


_octets = st.lists(st.binary(min_size=1, max_size=40), min_size=1, max_size=30)


@needs_unbound
@examples(8)
@given(_octets)
@example(
    [b"v=spf1 mx -all", b'say "hi"', b"it's", b'"it\'s"', b"\\", b"a;b", b"\\'", b"#", b"\x00\xff"]
)
def test_record_data_reads_back(values: list[bytes]) -> None:
    records, names = [], []
    for number, value in enumerate(values):
        # dnspython writes presentation format; how it is enclosed is the filter's part.
        data = dns.rdata.from_wire(
            dns.rdataclass.IN, dns.rdatatype.TXT, bytes([len(value)]) + value, 0, len(value) + 1
        )
        names.append(f"n{number}.example.")
        records.append(zone_data(f"{names[-1]} 60 IN TXT {data.to_text()}"))
    assert _answers(records, names) == values
