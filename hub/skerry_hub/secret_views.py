"""What the hub shows of secrets: everything but their contents. Pure."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable

from skerry_hub.secret_records import Secret
from skerry_hub.secret_use import Uses


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class SecretVersionView:
    """One version of a secret, and the workloads that use it."""

    id: str
    at: float
    size_bytes: int
    workloads: tuple[str, ...] = ()


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class SecretView:
    """A secret: its newest version, and which workloads use it.

    `behind` are those that were applied before the newest version came, and so use an older one. Of
    a `registry`, every workload with an image from there uses it.
    """

    name: str
    registry: str = ""
    version: str
    size_bytes: int
    created_at: float
    updated_at: float
    versions: tuple[SecretVersionView, ...] = ()
    workloads: tuple[str, ...] = ()
    behind: tuple[str, ...] = ()


def secret_view(uses: Uses, wanted: Uses, secret: Secret) -> SecretView:
    """Return what is shown of a secret; `wanted` is what workloads use of it, all updates done."""
    by = uses.of(secret)
    newest = secret.newest
    return SecretView(
        name=secret.name,
        registry=secret.registry,
        version=newest.id,
        size_bytes=newest.size_bytes,
        created_at=secret.created_at,
        updated_at=newest.at,
        versions=tuple(
            SecretVersionView(
                id=one.id,
                at=one.at,
                size_bytes=one.size_bytes,
                workloads=_of(by.items(), one.id),
            )
            for one in reversed(secret.versions)
        ),
        workloads=tuple(sorted(by)),
        behind=tuple(
            sorted(name for name, used in wanted.of(secret).items() if used - {newest.id})
        ),
    )


def _of(by: Iterable[tuple[str, set[str]]], version: str) -> tuple[str, ...]:
    return tuple(sorted(name for name, used in by if version in used))
