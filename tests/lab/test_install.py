"""Somebody with a server needs only the wheel: no checkout, no lab, no make.

The wheel goes into an empty environment in an empty folder and applies the beginner's
site to a bare host over SSH. Then the same from the host itself (`connection: local`).
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from support.deployed import DeployedSite
from support.release import needs_debian

from provisioner.lab import HostSpec, Lab, LabHost

pytestmark = [pytest.mark.lab, needs_debian]

CHECKOUT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def wheels(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with the wheel and all that it depends on."""
    folder = tmp_path_factory.mktemp("wheels")
    build = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "-o", str(folder), "."]
    subprocess.run(build, cwd=CHECKOUT, check=True, capture_output=True)
    (wheel,) = folder.glob("mailprov-*.whl")
    download = [sys.executable, "-m", "pip", "wheel", "-q", "-w", str(folder), str(wheel)]
    subprocess.run(download, check=True, capture_output=True)
    return folder


@pytest.fixture(scope="module")
def installed(wheels: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the `mailprov` of an empty environment that got the wheel."""
    folder = tmp_path_factory.mktemp("environment")
    subprocess.run([sys.executable, "-m", "venv", str(folder)], check=True)
    pip = [str(folder / "bin/pip"), "install", "-q", "--no-index", "--find-links", str(wheels)]
    subprocess.run([*pip, "mailprov"], check=True, capture_output=True)
    return folder / "bin/mailprov"


def run_outside(program: Path, site: DeployedSite, verb: str) -> subprocess.CompletedProcess[str]:
    environment = {
        "PATH": "/usr/bin:/bin",
        "HOME": str(site.lab.home),
        "LANG": os.environ.get("LANG", "C.UTF-8"),
        **site.environment,
    }
    command = [str(program), verb, str(site.path)]
    return subprocess.run(
        command, env=environment, cwd="/", capture_output=True, text=True, check=False
    )


def test_the_installed_command_applies_a_site_over_ssh(
    installed: Path, beginner: DeployedSite
) -> None:
    assert run_outside(installed, beginner, "validate").returncode == 0
    done = run_outside(installed, beginner, "apply")
    assert done.returncode == 0, done.stderr
    done = run_outside(installed, beginner, "verify")
    assert done.returncode == 0, done.stdout + done.stderr


def wheels_for(host: LabHost, wheels: Path, folder: Path) -> list[Path]:
    """Return the wheel and all that it depends on, as the host's Python needs them."""
    version = "import sys; print('%d.%d' % sys.version_info[:2])"
    python = host.check_run(["python3", "-c", version]).strip()
    (wheel,) = wheels.glob("mailprov-*.whl")
    download = [sys.executable, "-m", "pip", "download", "-q", "-d", str(folder), str(wheel)]
    options = ["--only-binary", ":all:", "--python-version", python]
    subprocess.run([*download, *options], check=True, capture_output=True)
    return list(folder.glob("*.whl"))


@pytest.fixture
def host_with_python(
    lab_factory: object, wheels: Path, beginner_text: str, tmp_path: Path
) -> DeployedSite:
    """Return a host that has mailprov itself, and its own site file with `connection: local`."""
    lab: Lab = lab_factory("local", [HostSpec("mail", ("10.89.0.4",), tree="debian-12-mail")])  # type: ignore[operator]
    host = lab.host("mail")
    host.check_run(
        ["apt-get", "install", "-y", "-q", "--no-install-recommends", "python3-venv"], timeout=300
    )
    for wheel in wheels_for(host, wheels, tmp_path):
        target = Path(f"/proc/{host.leader}/root/root/wheels", wheel.name)
        target.parent.mkdir(exist_ok=True)
        target.write_bytes(wheel.read_bytes())
    host.check_run(["python3", "-m", "venv", "/root/env"], timeout=120)
    host.check_run(
        [
            "/root/env/bin/pip",
            "install",
            "-q",
            "--no-index",
            "--find-links",
            "/root/wheels",
            "mailprov",
        ],
        timeout=300,
    )
    text = lab.site(beginner_text).replace("address: 10.", "connection: local, address: 10.")
    host.write_file("/root/site.yaml", text)
    return DeployedSite(lab, Path("/root/site.yaml"))


def test_a_host_can_apply_its_own_site(
    host_with_python: DeployedSite, beginner: DeployedSite
) -> None:
    host = host_with_python.host("mail")
    settings = [f"{key}={text}" for key, text in beginner.environment.items()]
    command = ["env", *settings, "/root/env/bin/mailprov"]
    applied = host.run([*command, "apply", "/root/site.yaml"], timeout=300)
    assert applied.returncode == 0, applied.stdout + applied.stderr
    again = host.run([*command, "plan", "/root/site.yaml"])
    assert again.returncode == 0, again.stdout + again.stderr
