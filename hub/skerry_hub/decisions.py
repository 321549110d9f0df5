"""Decisions as they are kept: what was asked of placement, from which inputs, and what came of it.

Declared like wire messages. A decision is about one workload, or one gang, and may touch others
whose instances end for it. Pure.
"""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Iterable, Mapping
from typing import Annotated, Literal

from skerry_hub.model import Assignment, Change, Explanation, Workload
from skerry_wire import codec
from skerry_wire.schema import Items, Sparse, Text
from skerry_wire.types import Count, InstanceId, Line, Short

Method = Literal["decide", "evacuate", "lose", "move", "remove"]
Digest = Annotated[str, Text(64, "[0-9a-f]*")]
MANY = Items(10_000_000)
MOST_REFUSED = 100
"""Constraints that are named of a workload that found no place, those that refuse most nodes."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """A workload as it was asked for; `keep`: nothing of it was to move.

    `limits`: names of constraints on distance, cost and data that the operator had just changed,
    so that they hold for what runs, too. `turn`: instances that a rollout has come to, and that are
    placed anew as their nodes do not take the new revision.
    """

    workload: Workload
    keep: bool = True
    limits: Annotated[tuple[Line, ...], Items(64), Sparse()] = ()
    turn: Annotated[tuple[InstanceId, ...], MANY, Sparse()] = ()


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """What placement was asked.

    `decide`: where the workloads go, with room made for them if it `may_preempt`. `evacuate`: where
    a workload's instances on a node go, and whether those that fit nowhere end (`force`). `lose`:
    where those on several `nodes` go, which are lost; what fits nowhere stays. `done` are jobs
    there that both leave where they are.
    `move`: whether an instance of a workload goes to a node. `remove`: the workload is not wanted
    any more.
    """

    method: Method
    wanted: Annotated[tuple[Asked, ...], MANY]
    may_preempt: bool = False
    node: str = ""
    force: bool = False
    instance: Annotated[str, Sparse()] = ""
    nodes: Annotated[tuple[Short, ...], MANY, Sparse()] = ()
    done: Annotated[tuple[InstanceId, ...], MANY, Sparse()] = ()


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What came of it, by instance id; what stays as it was is not here.

    `unplaced` counts what found no node, by workload; `refused` says which constraint refused how
    many nodes then.
    """

    assignments: Annotated[tuple[Assignment, ...], MANY] = ()
    ended: Annotated[tuple[InstanceId, ...], MANY] = ()
    changes: Annotated[tuple[Change, ...], MANY] = ()
    unplaced: Annotated[Mapping[str, Count], MANY] = dataclasses.field(default_factory=dict)
    refused: Annotated[Mapping[str, Annotated[Mapping[str, int], MANY]], MANY] = dataclasses.field(
        default_factory=dict
    )

    @property
    def workloads(self) -> set[str]:
        """Return the names of all workloads that it is about."""
        return {one.workload for one in self.changes} | self.unplaced.keys()


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Estimates:
    """Round-trip times that a decision could read: of the nodes, by id, to each place.

    Each place's are float64, little-endian, milliseconds; NaN where nothing was known.
    """

    ms: Mapping[str, bytes]

    @property
    def size(self) -> int:
        """Return how many bytes they take."""
        return sum(map(len, self.ms.values()))


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Made:
    """A decision within a draft: it was made before its step `first`, and is its steps to `end`."""

    cause: str
    at: float
    strategy: str
    question: Question
    answer: Answer
    first: int
    estimates: Estimates | None = None
    too_many_estimates: bool = False

    @property
    def unplaced(self) -> Mapping[str, int]:
        """Return how many instances found no node, by workload."""
        return self.answer.unplaced


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class DecisionRecord:
    """A decision as it is stored, without its answer.

    `records` is the digest of all nodes, workloads, assignments and documents that it was made
    from, `sections` those of each of the four; `estimates` that of the round-trip times, empty
    where none were read; `inputs` that of all of these with the question, the clock and the
    strategy; `outcome` that of the answer. `position`: how many of the changes of its transaction
    came before it.
    """

    cause: Short
    at: float
    engine: Short
    strategy: Short
    question: Question
    position: Count
    records: Digest
    sections: Annotated[Mapping[str, Digest], Items(16)]
    estimates: Digest = ""
    estimates_lost: Annotated[Line, Sparse()] = ""
    """Why the round-trip times were not kept."""
    inputs: Digest
    outcome: Digest


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class KeptDecision:
    """A decision that the store has. `log` is the number of its transaction in the fleet's log."""

    seq: int
    log: int
    record: DecisionRecord
    answer: Answer


def digest_of(*content: object) -> str:
    """Return 32 hexadecimal digits that tell this content from any other."""
    return hashlib.sha256(codec.pack(list(map(codec.to_plain, content)))).hexdigest()[:32]


def estimates_digest(estimates: Estimates | None) -> str:
    """Return the digest of round-trip times, empty where there are none."""
    if estimates is None:
        return ""
    return digest_of(sorted(estimates.ms.items()))


def inputs_digest(made: Made, records: str) -> str:
    """Return the digest of everything that a decision was made from."""
    times = estimates_digest(made.estimates)
    return digest_of(records, times, made.at, made.strategy, made.question)


def outcome_digest(answer: Answer) -> str:
    """Return the digest of everything that came of a decision."""
    return digest_of(answer)


def shortages(
    workloads: Iterable[str], unplaced: Iterable[Explanation]
) -> tuple[dict[str, int], dict[str, dict[str, int]]]:
    """Return how many instances found no node, by workload, and what refused how many nodes."""
    counts = dict.fromkeys(workloads, 0)
    refused = {}
    for one in unplaced:
        counts[one.workload] = max(1, one.wanted - one.placed)
        most = sorted(one.blocked.items(), key=lambda told: (-told[1], told[0]))
        refused[one.workload] = dict(sorted(most[:MOST_REFUSED]))
    return counts, refused
