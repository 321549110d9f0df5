"""Puts into the instances of an order what only their node can open: secrets, and credentials.

Where a node's key is not known, or a version is not kept any more, the box is empty: what runs is
left alone, and the node says what it lacks when it must make a container anew.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable

import structlog

from skerry_hub.model import Node
from skerry_hub.sealed_parts import mapped, named, registry_of
from skerry_hub.secret_key import SecretKey, SecretKeyError
from skerry_hub.secret_records import Secret
from skerry_hub.state import Draft
from skerry_wire.lifecycle import Sealed
from skerry_wire.workload import Container, Instance

log = structlog.get_logger("sealing")

MAX_BOXES = 2048
"""Most boxes that are kept: 70 MiB of the largest, most have a hundred bytes."""


class Sealing:
    """Seals with the hub's key. One thread."""

    def __init__(self, key: SecretKey) -> None:
        self._key = key
        self._boxes: dict[tuple[str, str, bytes], bytes] = {}

    def problem(self, secrets: Iterable[Secret]) -> str | None:
        """Return why secrets of the store cannot be read, as after a restore without the key."""
        for secret in secrets:
            try:
                self._key.content(secret.name, secret.newest.id, secret.newest.locked)
            except SecretKeyError as error:
                return str(error)
        return None

    def sealed(
        self, draft: Draft, node: Node, instances: tuple[Instance, ...]
    ) -> tuple[Instance, ...]:
        """Return a node's instances with their secrets sealed to it. Always the same."""
        secrets = draft.secrets
        if secrets is None:
            return instances
        registries = {kept.registry: kept for kept in secrets.values() if kept.registry}

        def box(sealed: Sealed) -> Sealed:
            return dataclasses.replace(sealed, box=self._box(draft, node, sealed))

        def one(container: Container) -> Container:
            found = mapped(container, box)
            kept = registries.get(registry_of(container))
            if kept is None:
                return found
            wanted = box(Sealed(name=kept.name, version=kept.newest.id))
            return dataclasses.replace(found, credentials=wanted if wanted.box else None)

        def needs(instance: Instance) -> bool:
            if any(True for _ in named(instance.containers)):
                return True
            return bool(registries) and any(
                registry_of(each) in registries for each in instance.containers
            )

        return tuple(
            dataclasses.replace(each, containers=tuple(map(one, each.containers)))
            if needs(each)
            else each
            for each in instances
        )

    def _box(self, draft: Draft, node: Node, sealed: Sealed) -> bytes:
        secrets = draft.secrets
        kept = secrets.get(sealed.name) if secrets is not None else None
        version = kept.version(sealed.version) if kept is not None else None
        if version is None or node.sealing_key is None:
            return b""
        at = sealed.name, sealed.version, node.sealing_key
        if at not in self._boxes:
            try:
                content = self._key.content(sealed.name, version.id, version.locked)
                box = self._key.sealed(sealed.name, version.id, content, node.sealing_key)
            except SecretKeyError as error:
                log.error("a secret cannot be sealed", node=node.id, reason=str(error))
                return b""
            if len(self._boxes) >= MAX_BOXES:
                self._boxes.clear()
            self._boxes[at] = box
        return self._boxes[at]
