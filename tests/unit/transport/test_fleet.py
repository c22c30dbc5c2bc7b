"""Many hosts at once: each host's failure is its own."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
import threading
import time
from typing import TYPE_CHECKING

import pytest
from support.this_machine import this_machine

from provisioner.diagnostics import ExitCode, MailprovError
from provisioner.model.site import Host, SshAccess
from provisioner.transport.fleet import OpenFleet
from provisioner.transport.options import SshOptions

if TYPE_CHECKING:
    from provisioner.verbs.ports import Transport

OPTIONS = SshOptions(local_user="operator", require_root=os.geteuid() == 0)


def unreachable(key: str) -> Host:
    ssh = SshAccess(address="no-such-host.invalid", port=1)
    return this_machine(key).model_copy(update={"connection": "ssh", "ssh": ssh})


def say_name(host: Host, transport: Transport) -> str:
    return transport.run('echo "$1"', host.key, timeout=20).stdout.decode().strip()


def test_every_host_answers() -> None:
    hosts = [this_machine(f"host{number}") for number in range(10)]
    with OpenFleet(OPTIONS, lambda _: str, workers=4) as fleet:
        answers = {answer.host.key: answer.value for answer in fleet.each(hosts, say_name)}
    assert answers == {host.key: host.key for host in hosts}


def test_a_host_that_fails_does_not_stop_the_others() -> None:
    hosts = [this_machine("one"), unreachable("two"), this_machine("three")]
    with OpenFleet(OPTIONS, lambda _: str) as fleet:
        answers = {answer.host.key: answer for answer in fleet.each(hosts, say_name)}
    assert answers["one"].value == "one"
    assert answers["three"].value == "three"
    error = answers["two"].error
    assert error is not None
    assert error.exit_code == ExitCode.UNREACHABLE
    assert error.diagnostics[0].where.startswith("two (")


def test_hosts_are_worked_on_at_the_same_time() -> None:
    together = threading.Barrier(3, timeout=10)
    with OpenFleet(OPTIONS, lambda _: str) as fleet:
        hosts = [this_machine("one"), this_machine("two"), this_machine("three")]
        answers = list(fleet.each(hosts, lambda _host, _transport: together.wait()))
    assert sorted(answer.value for answer in answers if answer.value is not None) == [0, 1, 2]


def test_no_more_workers_than_allowed() -> None:
    running, highest, lock = 0, 0, threading.Lock()

    def work(_host: Host, _transport: Transport) -> None:
        nonlocal running, highest
        with lock:
            running += 1
            highest = max(highest, running)
        time.sleep(0.02)
        with lock:
            running -= 1

    with OpenFleet(OPTIONS, lambda _: str, workers=2) as fleet:
        list(fleet.each([this_machine(f"host{n}") for n in range(6)], work))
    assert highest == 2


def test_a_host_is_opened_once() -> None:
    with OpenFleet(OPTIONS, lambda _: str) as fleet:
        host = this_machine("one")
        seen = [answer.value for answer in fleet.each([host, host], lambda _h, t: id(t))]
        assert seen == [id(fleet.transport(host))] * 2


def test_a_bug_in_the_work_is_not_hidden() -> None:
    def work(_host: Host, _transport: Transport) -> None:
        raise ZeroDivisionError

    with OpenFleet(OPTIONS, lambda _: str) as fleet, pytest.raises(ZeroDivisionError):
        list(fleet.each([this_machine("one")], work))


def test_leaving_ends_what_runs() -> None:
    begun = time.monotonic()
    with OpenFleet(OPTIONS, lambda _: str) as fleet:
        work = lambda _h, t: t.run("sleep 60", timeout=90)  # noqa: E731
        waiting = threading.Thread(target=lambda: list(fleet.each([this_machine("one")], work)))
        waiting.start()
        while not fleet.transport(this_machine("one")):
            time.sleep(0.01)
        time.sleep(0.2)
    waiting.join(10)
    assert not waiting.is_alive()
    assert time.monotonic() - begun < 10


def test_a_closed_fleet_opens_nothing() -> None:
    fleet = OpenFleet(OPTIONS, lambda _: str)
    fleet.close()
    with pytest.raises(MailprovError, match="the run ended"):
        fleet.transport(this_machine("one"))


def test_interrupt_ends_the_process_at_once() -> None:
    program = textwrap.dedent("""
        import os, signal, socket, threading
        from ipaddress import ip_address
        from provisioner.model.names import DomainName, HostKey
        from provisioner.model.site import Host, SshAccess
        from provisioner.transport.fleet import OpenFleet
        from provisioner.transport.options import SshOptions

        silent = socket.create_server(("127.0.0.1", 0))  # takes connections, says nothing
        port = silent.getsockname()[1]
        host = Host(site=DomainName("example.org"), key=HostKey("mail"),
                    fqdn=DomainName("mail.example.org"),
                    addresses=(ip_address("127.0.0.1"),), roles=frozenset(),
                    ssh=SshAccess(port=port))
        threading.Timer(0.5, os.kill, (os.getpid(), signal.SIGINT)).start()
        try:
            with OpenFleet(SshOptions(connect_timeout=60), lambda _: str) as fleet:
                list(fleet.each([host], lambda h, t: None))
        except KeyboardInterrupt:
            print("interrupted")
    """)
    begun = time.monotonic()
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=30, check=False
    )
    assert done.stdout == "interrupted\n"
    assert done.stderr == ""
    assert time.monotonic() - begun < 10


def test_paramiko_is_not_loaded_before_a_host_needs_it() -> None:
    program = (
        "import sys, provisioner.transport.fleet, provisioner.transport.local\n"
        "print('paramiko' in sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert done.stdout == "False\n"
