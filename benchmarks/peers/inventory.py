"""The hosts, from the JSON files that resources.py wrote.

The variable BENCHMARK_RESOURCES names their folder.
"""

import json
import os
from pathlib import Path

folder = Path(os.environ["BENCHMARK_RESOURCES"])
connection = json.loads((folder / "connection.json").read_text(encoding="utf-8"))

mail_hosts = [
    (
        name,
        {
            **json.loads((folder / f"{name}.json").read_text(encoding="utf-8")),
            "resources": str(folder),
            "ssh_hostname": address,
            "ssh_user": "root",
            "ssh_key": connection["key"],
            "ssh_known_hosts_file": connection["known_hosts"],
            "ssh_strict_host_key_checking": "yes",
            "ssh_look_for_keys": False,
            "ssh_allow_agent": False,
        },
    )
    for name, address in connection["hosts"].items()
]
