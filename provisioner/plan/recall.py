"""An earlier generation, read back from what the host remembers of it.

Nothing is believed: the record has to be, byte for byte, the one that was stored under the
generation's name, and each file to be what the record says. What is recalled keeps its name and
its record, whatever this version would call it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from provisioner.diagnostics import Diagnostic, MailprovError, quoted
from provisioner.model.site import Host
from provisioner.plan.generation import Generation, Stored
from provisioner.plan.record import (
    RecordedFile,
    RecordedGeneration,
    RecordError,
    read_record,
    recorded_accounts,
    recorded_artifact,
    recorded_resource,
)
from provisioner.plan.record_1 import is_record_1, read_record_1
from provisioner.platforms.record import Platform
from provisioner.platforms.records import platform_named
from provisioner.render.artifact import Artifact, Plane, SealedArtifact, sealed
from provisioner.resources.file_state import LeftFile
from provisioner.resources.one_line import Resource
from provisioner.resources.recipe import Recipe


@dataclass(frozen=True)
class Remembered:
    """What a host has of one generation: its record, and its files' contents by path."""

    record: bytes
    contents: Mapping[str, bytes]


def recall_generation(host: Host, wanted: str, remembered: Remembered) -> Generation:
    """Return the configuration plane of the generation whose id is `wanted`.

    Its secret files are sealed: the host keeps no second copy of a secret. Raises
    MailprovError where what the host remembers is damaged, or is of another mailprov.
    """
    record = _read(host, wanted, remembered.record)
    unknown = remembered.contents.keys() - {file.path for file in record.files}
    if unknown:
        raise _damaged(host, wanted, f"a file that is not in the record: {quoted(min(unknown))}")
    return Generation(
        host=host.key,
        platform=_platform(host, wanted, record.platform),
        packages=record.packages,
        groups=record.groups,
        accounts=recorded_accounts(record),
        folders=record.folders,
        recipes=record.recipes,
        artifacts=tuple(_artifact(host, wanted, file, remembered) for file in record.files),
        units=record.units,
        certificate_path=record.certificate_path,
        ports=record.ports,
        listeners=record.listeners,
        user_files=record.user_files,
        others=_others(host, wanted, record),
        passed=record.passed,
        recalled=Stored(wanted, remembered.record),
    )


def _read(host: Host, wanted: str, stored: bytes) -> RecordedGeneration:
    if not stored:
        raise _damaged(host, wanted, "no record")
    read = read_record_1 if is_record_1(stored) else read_record
    try:
        return read(stored, wanted)
    except RecordError as error:
        raise _damaged(host, wanted, str(error)) from error


def _platform(host: Host, wanted: str, name: str) -> Platform:
    try:
        return platform_named(name)
    except MailprovError as error:
        raise _damaged(host, wanted, f"a record for the release {quoted(name)}") from error


def _others(host: Host, wanted: str, record: RecordedGeneration) -> tuple[Resource, ...]:
    try:
        return tuple(map(recorded_resource, record.others))
    except RecordError as error:
        raise _damaged(host, wanted, str(error)) from error


def _artifact(host: Host, wanted: str, file: RecordedFile, remembered: Remembered) -> Artifact:
    if file.secret:
        return sealed(recorded_artifact(file, b""), file.sha256)
    content = remembered.contents.get(file.path)
    if content is None:
        raise _damaged(host, wanted, f"no content of {file.path}")
    artifact = recorded_artifact(file, content)
    if artifact.sha256 != file.sha256:
        raise _damaged(host, wanted, f"another content of {file.path}")
    return artifact


def _damaged(host: Host, wanted: str, got: str) -> MailprovError:
    return MailprovError(
        Diagnostic(
            summary=f"mailprov cannot use the host's record of generation {wanted}; nothing was "
            "changed",
            where=f"{host.key}:/var/lib/mailprov/generations/{wanted}",
            got=got,
            want="the record and the files as apply wrote them",
            fix="roll back to another generation (`mailprov history`), or apply a site file",
        )
    )


def generation_as_found(host: Host, platform: Platform) -> Generation:
    """Return generation 0: the host without anything of mailprov's configuration."""
    return Generation(
        host=host.key,
        platform=platform,
        packages=(),
        groups=(),
        accounts=(),
        folders=(),
        recipes=(),
        artifacts=(),
        units=(),
        as_found=True,
    )


def with_present_secrets(
    generation: Generation, host: Host, left: Mapping[str, LeftFile]
) -> Generation:
    """Return the generation with the secrets that the host has now in place of its own.

    left: what the last transaction left. A key that was replaced since stays replaced, and
    the generation is another one then, with another name. A key that is gone is made anew.
    """
    present = {
        path: _present(path, file, generation)
        for path, file in left.items()
        if file.secret and file.plane is Plane.CONFIGURATION
    }
    artifacts = [
        present.get(artifact.path, artifact)
        for artifact in generation.artifacts
        if not artifact.secret or artifact.path in present
    ]
    lost = [a.path for a in generation.artifacts if a.secret and a.path not in present]
    recipes = [recipe for recipe in generation.recipes if recipe.path not in present]
    recipes += [Recipe("self-signed", path, host.fqdn) for path in lost]
    named = {artifact.path for artifact in artifacts}
    artifacts += [artifact for path, artifact in present.items() if path not in named]
    if (*artifacts,) == generation.artifacts and (*recipes,) == generation.recipes:
        return generation
    return replace(generation, artifacts=tuple(artifacts), recipes=tuple(recipes), recalled=None)


def _present(path: str, file: LeftFile, generation: Generation) -> Artifact:
    """Return a secret as the host has it: the generation's own where it is that very one."""
    before = next((one for one in generation.artifacts if one.path == path), None)
    if before is not None and before.secret and _access(before) == _access(file):
        return before
    return SealedArtifact(
        path=path,
        content=b"",
        owner=file.owner,
        group=file.group,
        mode=file.mode,
        secret=True,
        daemons=before.daemons if before else (),
        rank=10,
        digest=file.sha256,
    )


def _access(one: Artifact | LeftFile) -> tuple[str, str, str, int]:
    return (one.sha256, one.owner, one.group, one.mode)
