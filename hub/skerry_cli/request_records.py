"""What the hub answers to requests about instances, as far as the command line reads it."""

from __future__ import annotations

from typing import Annotated

from skerry_cli.records import MANY, Names, Words
from skerry_wire.frozen import frozen
from skerry_wire.schema import Text


@frozen(kw_only=True)
class WrittenLine:
    """A line of an answer that comes bit by bit: what was written (base64), or its end."""

    session: Words | None = None
    """Of the first line alone: what the input is sent to."""
    stream: Words | None = None
    data: Annotated[str, Text(1024 * 1024)] | None = None
    end: bool = False
    error: Words | None = None
    exit_code: int | None = None


@frozen(kw_only=True)
class Usage:
    """What a container uses now."""

    container: Words
    cpu_s: float = 0.0
    memory_bytes: int = 0
    processes: int | None = None


@frozen(kw_only=True)
class ContainerUsage:
    """What a container of an instance uses, and how much of the processors just now."""

    instance: Words
    usage: Usage
    cpu_milli: float | None = None


@frozen(kw_only=True)
class Usages:
    """What a box says that its containers use, and of which it could not tell."""

    containers: Annotated[tuple[ContainerUsage, ...], MANY] = ()
    failures: Names = ()
