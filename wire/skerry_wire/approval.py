"""The two-person rule: what of a workload a second person approves, and what he signs. Pure.

A box that asks for approvals runs an instance only where somebody signed exactly its content, with
a key that the hub does not have. The box works the content out anew from what it is about to run;
so does the hub from what was applied. What is decided for each node is not in it: which of its
devices a container gets, to whom a secret is sealed, when a job runs, for how long a lease is.
"""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Iterator, Mapping, Sequence
from typing import Annotated

from skerry_wire import codec
from skerry_wire.frozen import frozen
from skerry_wire.lifecycle import Sealed
from skerry_wire.schema import Items, Sparse, Text
from skerry_wire.types import Line, Moment, Name
from skerry_wire.workload import Container, Instance

MAX_APPROVAL_BYTES = 8 * 1024
"""Most bytes of an Approval in its Envelope; an order carries it with each instance."""
MAX_APPROVALS = 4
"""Most approvals of one instance."""


@frozen(kw_only=True)
class ApprovedContent:
    """What the containers of a workload are, whatever box they run on.

    Their devices are not in `containers`: those that the workload names are listed in `devices`,
    and `placed_devices` tells whether each box gives others, of the kinds that were asked for.
    Secrets are there by name and version.
    """

    workload: Name
    containers: Annotated[tuple[Container, ...], Items(32)]
    shared_network: Annotated[bool, Sparse()] = False
    devices: Annotated[tuple[Line, ...], Items(64), Sparse()] = ()
    placed_devices: Annotated[bool, Sparse()] = False


@frozen(kw_only=True)
class Approval:
    """A second person has seen this content, and wants it to run. Always signed, by his own key.

    `digest` is that of the content without its devices, which stand here: so a box can tell those
    that were approved from others.
    """

    workload: Name
    digest: Annotated[str, Text(64, "[0-9a-f]{64}")]
    devices: Annotated[tuple[Line, ...], Items(64), Sparse()] = ()
    placed_devices: Annotated[bool, Sparse()] = False
    approved_at: Moment = 0.0


def content_of(
    workload: str, containers: Sequence[Container], *, shared_network: bool, placed_devices: bool
) -> ApprovedContent:
    """Return what there is to approve of a workload, from its containers as they were applied."""
    return ApprovedContent(
        workload=workload,
        containers=tuple(map(_bare, containers)),
        shared_network=shared_network,
        devices=tuple(sorted(line for one in containers for line in _devices(one))),
        placed_devices=placed_devices,
    )


def digest_of(content: ApprovedContent) -> str:
    """Return the digest of a content, whatever devices it has."""
    return hashlib.sha256(
        codec.pack(dataclasses.replace(content, devices=(), placed_devices=False))
    ).hexdigest()


def approval_of(content: ApprovedContent, approved_at: float) -> Approval:
    """Return what is signed to approve a content."""
    return Approval(
        workload=content.workload,
        digest=digest_of(content),
        devices=content.devices,
        placed_devices=content.placed_devices,
        approved_at=approved_at,
    )


def of_instance(instance: Instance) -> ApprovedContent:
    """Return what a box is about to run, its devices as that box was given them."""
    return content_of(
        instance.workload,
        instance.containers,
        shared_network=instance.shared_network,
        placed_devices=any(one.bus_devices for one in instance.containers),
    )


def lacks(approval: Approval, content: ApprovedContent) -> str | None:
    """Return what of a content an approval does not cover; None where it covers all of it."""
    if approval.workload != content.workload:
        return f"is for workload {approval.workload}"
    if approval.digest != digest_of(content):
        return "is for another content"
    if approval.placed_devices:
        return None
    more = sorted(set(content.devices) - set(approval.devices))
    if more:
        return f"does not name the device {more[0]!r}"
    if content.placed_devices:
        return "is for a workload that asks for no devices"
    return None


def _bare(container: Container) -> Container:
    """Return the container without what differs from box to box."""
    return dataclasses.replace(
        container,
        devices=(),
        bus_devices=(),
        cdi_devices=(),
        credentials=None,
        files=tuple(
            one
            if one.secret is None
            else dataclasses.replace(one, content=b"", secret=_named(one.secret))
            for one in container.files
        ),
        secret_environment=_all_named(container.secret_environment),
    )


def _all_named(sealed: Mapping[str, Sealed]) -> dict[str, Sealed]:
    return {name: _named(one) for name, one in sealed.items()}


def _named(sealed: Sealed) -> Sealed:
    return dataclasses.replace(sealed, box=b"")


def _devices(container: Container) -> Iterator[str]:
    """Yield each device that a container names, in words that no other device has."""
    for one in container.devices:
        yield f"{container.name}: {one.host} as {one.container} ({one.permissions})"
    for name in container.cdi_devices:
        yield f"{container.name}: {name}"
