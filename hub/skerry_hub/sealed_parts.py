"""The secrets within containers: found, and changed. Pure."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable, Iterator

from skerry_wire.images import ImageError, parse_image
from skerry_wire.lifecycle import File, Sealed
from skerry_wire.workload import Container


def named(containers: Iterable[Container]) -> Iterator[tuple[str, Sealed]]:
    """Yield every secret that containers name, with the record's path of the place."""
    for index, container in enumerate(containers):
        for number, file in enumerate(container.files):
            if file.secret is not None:
                yield f"containers[{index}].files[{number}]", file.secret
        for variable, sealed in container.secret_environment.items():
            yield f"containers[{index}].secret_environment.{variable}", sealed


def mapped(container: Container, change: Callable[[Sealed], Sealed]) -> Container:
    """Return a container with each of the secrets that it names changed."""
    if not (container.files or container.secret_environment):
        return container

    def file(one: File) -> File:
        return one if one.secret is None else dataclasses.replace(one, secret=change(one.secret))

    return dataclasses.replace(
        container,
        files=tuple(map(file, container.files)),
        secret_environment={
            name: change(sealed) for name, sealed in container.secret_environment.items()
        },
    )


def bare(container: Container) -> Container:
    """Return a container of an order as its workload has it: nothing of it sealed."""
    return dataclasses.replace(
        mapped(container, lambda one: Sealed(name=one.name, version=one.version)),
        credentials=None,
    )


def registry_of(container: Container) -> str:
    """Return the `host[:port]` from which a container's image comes."""
    try:
        return parse_image(container.image).registry
    except ImageError:
        return ""
