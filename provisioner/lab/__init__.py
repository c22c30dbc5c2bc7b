"""Real hosts on one machine: Debian servers with systemd, a network and an internet.

    lab = Lab.up("demo", [HostSpec("mail", ("10.89.0.10",))])

What others use is here; each module's own docstring is its manual page. A reader
starts with `lab`, then `host`, then whatever they wonder about: `trees` (what a
host's disk is made of), `network`, `internet` (the lab's DNS), `package_cache`.
"""

from provisioner.lab.addresses import site_for_lab
from provisioner.lab.claims import take_down
from provisioner.lab.host import LabHost
from provisioner.lab.internet import Internet
from provisioner.lab.lab import Lab, LabStatus
from provisioner.lab.prerequisites import install_requirements, missing_requirements
from provisioner.lab.state import HostSpec, list_states

__all__ = [
    "HostSpec",
    "Internet",
    "Lab",
    "LabHost",
    "LabStatus",
    "install_requirements",
    "list_states",
    "missing_requirements",
    "site_for_lab",
    "take_down",
]
