"""The floor: a bare paramiko connection and exec of `true` on each host, side by side.

    python floor.py RESOURCES

It prints the seconds of this, without the imports. RESOURCES/connection.json names the hosts, the
key and the host keys.
"""

from __future__ import annotations

import json
import sys
import threading
import time
from pathlib import Path

import paramiko


def run_true(address: str, key: str, known_hosts: str) -> None:
    """Connect, run `true`, and end with an error if it fails."""
    client = paramiko.SSHClient()
    client.load_host_keys(known_hosts)
    client.connect(
        address, username="root", key_filename=key, look_for_keys=False, allow_agent=False
    )
    _, stdout, _ = client.exec_command("true")
    if stdout.channel.recv_exit_status() != 0:
        raise SystemExit(1)
    client.close()


def main() -> None:
    """Do it on every host at once and print the seconds."""
    folder = Path(sys.argv[1])
    connection = json.loads((folder / "connection.json").read_text(encoding="utf-8"))
    begun = time.perf_counter()
    threads = [
        threading.Thread(
            target=run_true, args=(address, connection["key"], connection["known_hosts"])
        )
        for address in connection["hosts"].values()
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    print(json.dumps({"inside": time.perf_counter() - begun}))


if __name__ == "__main__":
    main()
