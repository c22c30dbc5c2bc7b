"""An earlier generation, read back from what the host remembers of it.

Nothing is believed: the record has to be whole by its own digest, each file to be what the
record says, and all of it together to have the id under which it was stored.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, replace

from pydantic import ValidationError

from provisioner.diagnostics import Diagnostic, MailprovError, quoted
from provisioner.facts.host import LeftFile
from provisioner.model.site import Host
from provisioner.plan.generation import Generation
from provisioner.plan.record import (
    FORMAT,
    RecordedFile,
    RecordedGeneration,
    recorded_accounts,
    recorded_artifact,
)
from provisioner.platforms.record import Platform
from provisioner.platforms.records import platform_named
from provisioner.render.artifact import Artifact, Plane, SealedArtifact, sealed
from provisioner.resources.declared import Recipe


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
    record = _parse_record(host, wanted, remembered.record)
    unknown = remembered.contents.keys() - {file.path for file in record.files}
    if unknown:
        raise _damaged(host, wanted, f"a file that is not in the record: {quoted(min(unknown))}")
    generation = Generation(
        host=host.key,
        platform=_platform(host, wanted, record.platform),
        packages=record.packages,
        groups=record.groups,
        accounts=recorded_accounts(record),
        directories=record.directories,
        recipes=record.recipes,
        artifacts=tuple(_artifact(host, wanted, file, remembered) for file in record.files),
        units=record.units,
        certificate_path=record.certificate_path,
        ports=record.ports,
        listeners=record.listeners,
        user_files=record.user_files,
    )
    if generation.id != wanted or record.id != wanted:
        raise _damaged(host, wanted, f"the content of generation {generation.id}")
    return generation


def _parse_record(host: Host, wanted: str, text: bytes) -> RecordedGeneration:
    head, _, body = text.partition(b"\n")
    if not text:
        raise _damaged(host, wanted, "no record")
    if head != f"{FORMAT} {hashlib.sha256(body).hexdigest()}".encode():
        raise _damaged(host, wanted, "a record that is not as it was written")
    try:
        return RecordedGeneration.model_validate_json(body)
    except ValidationError as error:
        found = f"a record that this version cannot read ({error.error_count()} fields)"
        raise _damaged(host, wanted, found) from error


def _platform(host: Host, wanted: str, name: str) -> Platform:
    try:
        return platform_named(name)
    except MailprovError as error:
        raise _damaged(host, wanted, f"a record for the release {quoted(name)}") from error


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
            summary=f"what the host remembers of generation {wanted} cannot be used; "
            "nothing was changed",
            where=f"{host.key}:/var/lib/mailprov/generations/{wanted}",
            got=got,
            want="its record and its files as apply wrote them",
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
        directories=(),
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
    with another digest the generation has another id. A key that is gone is made anew.
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
    return replace(generation, artifacts=tuple(artifacts), recipes=tuple(recipes))


def _present(path: str, file: LeftFile, generation: Generation) -> SealedArtifact:
    readers = next((a.daemons for a in generation.artifacts if a.path == path), ())
    return SealedArtifact(
        path=path,
        content=b"",
        owner=file.owner,
        group=file.group,
        mode=file.mode,
        secret=True,
        daemons=readers,
        rank=10,
        digest=file.sha256,
    )
