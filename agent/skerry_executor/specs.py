"""The labels, name and digest by which a container on the box is known as ours.

Pure. Changing what is digested here would restart every container of every box.
"""

from __future__ import annotations

import dataclasses
from typing import Any

from skerry_wire import codec
from skerry_wire.lifecycle import Sealed
from skerry_wire.workload import Container, Instance

NODE = "io.skerry.node"
INSTANCE = "io.skerry.instance"
CONTAINER = "io.skerry.container"
WORKLOAD = "io.skerry.workload"
REVISION = "io.skerry.revision"
SPEC = "io.skerry.spec"
DEVICES = "io.skerry.devices"
"""The device nodes, with their numbers, that a container got for devices on a bus."""


def name_of(instance: str, container: str) -> str:
    """Return the container's name: always the same, so that the runtime itself refuses doubles."""
    return f"skerry-{instance}-{container}"


def labels_of(
    node: str, instance: Instance, container: Container, devices: str = ""
) -> dict[str, str]:
    """Return every label of a container; the workload's own cannot stand in for ours."""
    own = {name: text for name, text in container.labels.items() if name != DEVICES}
    return {
        **own,
        **({DEVICES: devices} if devices else {}),
        NODE: node,
        INSTANCE: instance.id,
        CONTAINER: container.name,
        WORKLOAD: instance.workload,
        REVISION: instance.revision,
        SPEC: spec_of(instance, container),
    }


def spec_of(instance: Instance, container: Container) -> str:
    """Return the digest of what the container shall be.

    Fields that have their default do not count: a field that a later version adds must not
    restart what an earlier one started. Of a secret its name and version count, and not how it is
    sealed; what an image is pulled with does not count at all.
    """
    container = dataclasses.replace(supervised(instance, container), credentials=None)
    return codec.revision_of([instance.revision, _said(container)])


def supervised(instance: Instance, container: Container) -> Container:
    """Return the container as its runtime gets it.

    What has a lease, or is a job, is started by the executor alone: the runtime, which does so
    after a start of the box too, knows neither whether the lease still holds nor how the job went.
    """
    if instance.lease is None and instance.job is None:
        return container
    return dataclasses.replace(container, restart="no", restart_retries=0)


def _said(value: Any) -> Any:
    """Return plain data without what is left at its default."""
    if isinstance(value, Sealed):
        return {"name": value.name, "version": value.version}
    if dataclasses.is_dataclass(value):
        return {
            field.name: _said(getattr(value, field.name))
            for field in sorted(dataclasses.fields(value), key=lambda field: field.name)
            if getattr(value, field.name) != _default(field)
        }
    if isinstance(value, tuple):
        return [_said(element) for element in value]
    if isinstance(value, dict):
        return {key: _said(value[key]) for key in sorted(value)}
    return value


def _default(field: dataclasses.Field[Any]) -> Any:
    if field.default_factory is not dataclasses.MISSING:
        return field.default_factory()
    return field.default
