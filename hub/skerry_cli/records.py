"""What the hub's answers say, as far as the command line reads them.

Declared like wire messages and read by the same reader: nothing of an answer is used before it
has passed through here. A newer hub's further fields are ignored, its new words for states shown.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Annotated, Any, TypeVar

from skerry_cli.at_node import AtNode
from skerry_cli.failures import UnexpectedAnswerError
from skerry_cli.job_records import Job
from skerry_cli.rollout_records import Rollout, RolloutPlan, WantedRevision
from skerry_wire.errors import WireError
from skerry_wire.frozen import frozen
from skerry_wire.schema import Check, Items, Text, reader

T = TypeVar("T")
MANY = Items(10_000_000)
Words = Annotated[str, Text(64 * 1024)]
Names = Annotated[tuple[Words, ...], MANY]
Labels = Annotated[Mapping[str, Words], MANY]
Counts = Annotated[Mapping[str, int], MANY]

_readers: dict[Any, Check] = {}


def read(kind: type[T], plain: Any) -> T:
    """Return the record of `kind` that plain JSON holds. Raises UnexpectedAnswerError."""
    if kind not in _readers:
        _readers[kind] = reader(Annotated[kind, MANY], False)
    try:
        return _readers[kind](plain)  # type: ignore[no-any-return]
    except WireError as error:
        raise UnexpectedAnswerError(
            f"the hub's answer is not as expected: {error}.\n"
            "Do this program and the hub fit together? `skerry version --hub` shows both versions."
        ) from None


def read_all(kind: type[T], plain: Any) -> tuple[T, ...]:
    """Return the records of `kind` that a plain list holds. Raises UnexpectedAnswerError."""
    return read(tuple[kind, ...], plain)  # type: ignore[valid-type]


def items_of(plain: Any) -> list[Any]:
    """Return the items of a list, still plain. Raises UnexpectedAnswerError."""
    items = plain.get("items") if isinstance(plain, dict) else None
    if not isinstance(items, list):
        raise UnexpectedAnswerError("the hub's answer is not as expected: it has no list of items")
    return items


def is_cut(plain: Any) -> bool:
    """Say whether an answer's list ended at its limit, and there is more."""
    return isinstance(plain, dict) and plain.get("more") is True


def part_of(plain: Any, key: str) -> Any:
    """Return one part of an answer, still plain. Raises UnexpectedAnswerError."""
    if not isinstance(plain, dict) or key not in plain:
        raise UnexpectedAnswerError(f"the hub's answer is not as expected: it has no {key!r}")
    return plain[key]


@frozen(kw_only=True)
class Problem:
    """One thing wrong with a request."""

    reason: Words
    file: Words | None = None
    line: int | None = None
    field: Words | None = None

    def __str__(self) -> str:
        file = self.file and (f"{self.file}:{self.line}" if self.line else self.file)
        return ": ".join(part for part in (file or "skerry", self.field, self.reason) if part)


@frozen(kw_only=True)
class Instance(AtNode):
    """One instance, and what its node says of it."""

    id: Words
    workload: Words
    revision: Words
    node: Words
    hostname: Words
    state: Words
    reason: Words | None = None
    health: Words = "none"
    image: Words | None = None
    started_at: float | None = None
    exit_code: int | None = None
    restarts: int = 0
    current: bool = True
    job: Job | None = None
    waits_until: float | None = None


@frozen(kw_only=True)
class Order:
    """How far a node has followed its orders."""

    issued: int = 0
    accepted: int = 0
    reached: int = 0
    refusal: Words | None = None


@frozen(kw_only=True)
class Resources:
    """What a node has, what is reserved of it, and what it measured as available."""

    cpu_milli: int | None = None
    cpu_reserved_milli: int = 0
    memory_bytes: int | None = None
    memory_reserved_bytes: int = 0
    memory_available_bytes: int | None = None
    storage_bytes: int | None = None
    storage_reserved_bytes: int = 0
    storage_available_bytes: int | None = None
    cpu_percent: float | None = None
    load_1m: float | None = None
    temperature_c: float | None = None
    battery_percent: float | None = None
    on_battery: bool | None = None
    power_w: float | None = None
    filesystems_available_bytes: Counts | None = None
    measured_at: float | None = None


@frozen(kw_only=True)
class Accelerator:
    """One accelerator of a node."""

    kind: Words
    vendor: Words
    model: Words
    usable: bool = False
    reason: Words | None = None


@frozen(kw_only=True)
class Taint:
    """What a node refuses workloads for that do not tolerate it."""

    key: Words
    value: Words = ""
    effect: Words

    def __str__(self) -> str:
        value = f"={self.value}" if self.value else ""
        return f"{self.key}{value}:{self.effect}"


@frozen(kw_only=True)
class Node:
    """One node."""

    id: Words
    hostname: Words
    incarnation: Words
    liveness: Words
    last_seen: float
    registered_at: float
    version: Words | None = None
    arch: Words | None = None
    os: Words | None = None
    kernel: Words | None = None
    capability: Words | None = None
    labels: Labels = dataclasses.field(default_factory=dict)
    taints: Annotated[tuple[Taint, ...], MANY] = ()
    accelerators: Annotated[tuple[Accelerator, ...], MANY] = ()
    runtimes: Names = ()
    resources: Resources = Resources()
    order: Order = Order()
    problems: Names = ()
    diverged: Words | None = None
    sealing_key: Words | None = None
    other_sealing_key: Words | None = None
    usual_gap_s: float | None = None
    lost_after_s: float | None = None
    lost_after_reason: Words | None = None
    lost_at: float | None = None
    revoked_at: float | None = None
    revoked_by: Words | None = None
    instances: Annotated[tuple[Instance, ...], MANY] = ()


@frozen(kw_only=True)
class Device(AtNode):
    """One device of a node; `liveness` is the node's."""

    id: Words
    node: Words
    hostname: Words
    liveness: Words
    kind: Words
    name: Words
    vendor: Words | None = None
    model: Words | None = None
    size_bytes: int | None = None
    bus: Words | None = None
    address: Words | None = None
    paths: Names = ()
    driver: Words | None = None
    usable: bool | None = None
    reason: Words | None = None
    used_by: Names = ()
    held_milli: Counts = dataclasses.field(default_factory=dict)


@frozen(kw_only=True)
class Event:
    """Something that happened."""

    id: Words
    node: Words
    kind: Words
    at: float
    subject: Words = ""
    detail: Words = ""
    generation: int | None = None
    count: int = 1
    first_at: float | None = None


@frozen(kw_only=True)
class Workload:
    """One workload."""

    name: Words
    project: Words
    revision: Words
    mode: Words
    images: Names
    wanted: int
    placed: int
    running: int
    current: int
    ready: int | None = None
    state: Words
    reason: Words | None = None
    created_at: float = 0.0
    updated_at: float = 0.0
    instances: Annotated[tuple[Instance, ...], MANY] = ()
    rollout: Rollout | None = None


@frozen(kw_only=True)
class Reason:
    """Why one node does not take one workload; `missing` is the shortage, in the text's unit."""

    constraint: Words
    text: Words
    missing: float | None = None


@frozen(kw_only=True)
class Part:
    """One part of a node's score: `value`, 0 to 1, times `weight` is `points`."""

    value: float
    weight: int = 0
    points: float = 0.0


Parts = Annotated[Mapping[str, Part], MANY]


@frozen(kw_only=True)
class Verdict(AtNode):
    """What one node says to one workload."""

    node: Words
    hostname: Words
    feasible: bool
    reasons: Annotated[tuple[Reason, ...], MANY] = ()
    score: float | None = None
    scores: Parts = dataclasses.field(default_factory=dict)
    instances: Names = ()


@frozen(kw_only=True)
class Runner(AtNode):
    """Another node that would take an instance; `ahead` are the points that it has more."""

    node: Words
    hostname: Words
    score: float = 0.0
    points: float = 0.0
    scores: Parts = dataclasses.field(default_factory=dict)
    ahead: float | None = None
    differences: Annotated[Mapping[str, float], MANY] = dataclasses.field(default_factory=dict)


@frozen(kw_only=True)
class Standing(AtNode):
    """Why an instance is where it is; `unmet` and `closed` are what is against it now."""

    instance: Words
    node: Words
    hostname: Words
    unmet: Annotated[tuple[Reason, ...], MANY] = ()
    closed: Annotated[tuple[Reason, ...], MANY] = ()
    keeps_former: bool = False
    score: float | None = None
    points: float | None = None
    most: int | None = None
    scores: Parts = dataclasses.field(default_factory=dict)
    better: int = 0
    runners_up: Annotated[tuple[Runner, ...], MANY] = ()
    decision: int | None = None
    decided_at: float | None = None


@frozen(kw_only=True)
class Relaxation(AtNode):
    """What would have to be changed so that a node takes a workload; `nodes` would then."""

    node: Words
    hostname: Words
    changes: Names = ()
    cost: float = 0.0
    nodes: int = 0


@frozen(kw_only=True)
class Explanation:
    """What the nodes say to one workload; `more` says that there are others than those shown."""

    workload: Words
    wanted: int
    placed: int
    feasible: int
    nodes: int = 0
    blocked: Counts = dataclasses.field(default_factory=dict)
    alone: Counts = dataclasses.field(default_factory=dict)
    verdicts: Annotated[tuple[Verdict, ...], MANY] = ()
    relaxations: Annotated[tuple[Relaxation, ...], MANY] = ()
    standings: Annotated[tuple[Standing, ...], MANY] = ()
    instance: Words = ""
    more: bool = False
    note: Words = ""


@frozen(kw_only=True)
class Change:
    """One step of a plan."""

    action: Words
    instance: Words
    workload: Words
    node: Words
    detail: Words = ""
    score: float | None = None
    scores: Parts = dataclasses.field(default_factory=dict)


@frozen(kw_only=True)
class DocumentPlan:
    """What is done, or would be done, to one document."""

    kind: Words
    name: Words
    action: Words
    version: int
    changes: Names = ()


@frozen(kw_only=True)
class Basis:
    """The digests of what a plan was decided from, and of what comes of it."""

    inputs: Words
    outcome: Words


@frozen(kw_only=True)
class Plan:
    """What an apply does, or would do."""

    changes: Annotated[tuple[Change, ...], MANY] = ()
    created: Names = ()
    updated: Names = ()
    unchanged: Names = ()
    removed: Names = ()
    orphans: Names = ()
    unplaced: Annotated[tuple[Explanation, ...], MANY] = ()
    documents: Annotated[tuple[DocumentPlan, ...], MANY] = ()
    basis: Basis | None = None
    rollouts: Annotated[tuple[RolloutPlan, ...], MANY] = ()
    revisions: Annotated[tuple[WantedRevision, ...], MANY] = ()
    warnings: Annotated[tuple[Problem, ...], MANY] = ()
