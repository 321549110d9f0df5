"""What the HTTP API is asked, declared like wire messages: the same limits, the same errors."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Annotated

from skerry_hub.model import Effect, Taint, Workload
from skerry_hub.views import Basis
from skerry_hub.workloads.json_workloads import MAX_WORKLOADS
from skerry_wire.lifecycle import MAX_FILE_BYTES
from skerry_wire.schema import Items, OrBase64, Text

MAX_ATTACHED = 64
Label = Annotated[str, Text(253, r"[A-Za-z0-9][A-Za-z0-9._/-]*")]


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class ApplyFile:
    """A compose file, or one of documents, which have a `kind`.

    `project` names a compose file's, unless the file does or `project_given` insists.
    """

    name: Annotated[str, Text(1024)]
    text: Annotated[str, Text(256 * 1024)]
    project: Annotated[str, Text(255)] = ""
    project_given: bool = False
    attached: Annotated[
        Mapping[str, Annotated[bytes, Items(MAX_FILE_BYTES), OrBase64()]], Items(MAX_ATTACHED)
    ] = dataclasses.field(default_factory=dict)
    """The files that its `configs` name, by the paths written there."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class ApplyRequest:
    """Files whose services and documents are wanted, and workloads as JSON.

    With `prune`, other workloads of their projects no more; it concerns no documents. With a
    `basis`, that of a plan of the same, exactly what was planned is done, or nothing (409); unless
    `only_outcome` asks for no more than the same outcome, whatever it is decided from.
    """

    files: Annotated[tuple[ApplyFile, ...], Items(64)] = ()
    workloads: Annotated[tuple[Workload, ...], Items(MAX_WORKLOADS)] = ()
    prune: bool = False
    basis: Basis | None = None
    only_outcome: bool = False


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class LabelRequest:
    """Labels to give a node, and to take from it."""

    set: Annotated[Mapping[str, Annotated[str, Text(256)]], Items(256)] = dataclasses.field(
        default_factory=dict
    )
    unset: Annotated[tuple[Label, ...], Items(256)] = ()


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class TaintKey:
    """The taints of a key: of one effect, or of all."""

    key: Annotated[str, Text(253)]
    effect: Effect | None = None


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class TaintRequest:
    """Taints to give a node, and to take from it."""

    set: Annotated[tuple[Taint, ...], Items(64)] = ()
    unset: Annotated[tuple[TaintKey, ...], Items(64)] = ()


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class TrustRequest:
    """The fingerprint of the key that an operator has looked at."""

    fingerprint: Annotated[str, Text(32, "[0-9a-f]{32}")]


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class DrainRequest:
    """How to drain: `force` removes what fits nowhere; `dry_run` only says what would be done."""

    force: bool = False
    dry_run: bool = False
