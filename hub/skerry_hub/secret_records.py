"""Secrets as the hub keeps them: names, versions, and contents that only its key opens."""

from __future__ import annotations

import dataclasses
import hashlib
import re
from typing import Annotated

from skerry_wire.schema import Items, Range, Text
from skerry_wire.types import Name

MAX_SECRET_BYTES = 32 * 1024
MAX_SECRETS = 1000
MAX_VERSIONS = 64
KEPT_VERSIONS = 4
"""How many stay of a secret at least; those that a workload uses stay anyway."""

REGISTRY = re.compile(r"[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?(:[0-9]{1,5})?")

VersionId = Annotated[str, Text(32, "[0-9a-f]{16}")]


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class SecretVersion:
    """One content of a secret, locked. The id is drawn: it tells nothing of the content."""

    id: VersionId
    at: float
    size_bytes: Annotated[int, Range(0, MAX_SECRET_BYTES)]
    locked: Annotated[bytes, Items(MAX_SECRET_BYTES + 64)] = dataclasses.field(repr=False)


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Secret:
    """A secret and its versions, oldest first; the last one is what a new apply takes.

    With a `registry`, `host[:port]`, its content is `user:password` for images from there.
    """

    name: Name
    registry: Annotated[str, Text(260)] = ""
    created_at: float = 0.0
    versions: Annotated[tuple[SecretVersion, ...], Items(MAX_VERSIONS)] = ()

    @property
    def newest(self) -> SecretVersion:
        """Return the version that counts."""
        return self.versions[-1]

    def version(self, name: str) -> SecretVersion | None:
        """Return a version, None where it is not kept."""
        return next((one for one in self.versions if one.id == name), None)


def registry_secret(host: str) -> str:
    """Return the name of the secret with the credentials for a registry.

    Names have fewer characters than hosts: what is left out is told by a digest.
    """
    plain = re.sub(r"[^a-z0-9]+", "-", host.lower()).strip("-")[:40].strip("-")
    return f"registry-{plain}-{hashlib.sha256(host.encode()).hexdigest()[:8]}"
