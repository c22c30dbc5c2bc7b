"""What is loaded for a transport, seen in a fresh interpreter."""

from __future__ import annotations

import subprocess
import sys

# The port is closed, so that opening fails once everything is loaded.
_OPEN = """
import sys, threading
from provisioner.diagnostics import MailprovError
from provisioner.site.load import parse_site
from provisioner.transport.opening import open_transport
from provisioner.transport.options import SshOptions

text = b'''
domain: example.org
hosts: {mail: {address: 192.0.2.10, ssh: {address: 127.0.0.1, port: 1}}}
users: {alice: {password: {env: A}}}
'''
host = parse_site(text, "site.yaml").site.hosts[0]
failed = []

def work():
    try:
        open_transport(host, SshOptions(), lambda reference: "")
    except MailprovError as error:
        failed.append(error)

threads = [threading.Thread(target=work) for _ in range(4)]
for thread in threads: thread.start()
for thread in threads: thread.join()
assert len(failed) == 4, failed
assert "paramiko" in sys.modules
"""


def _run(program: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", program]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)


def test_what_paramiko_can_do_without_is_not_loaded_for_a_connection() -> None:
    done = _run(_OPEN + "print([name for name in sys.modules if name.startswith('invoke')])")
    assert (done.stdout, done.stderr) == ("[]\n", "")


def test_others_can_load_it_afterwards() -> None:
    done = _run(_OPEN + "import invoke; print(invoke.__name__)")
    assert (done.stdout, done.stderr) == ("invoke\n", "")
