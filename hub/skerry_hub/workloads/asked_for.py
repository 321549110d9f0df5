"""What a workload asks for beside its containers, checked as files are: for the API's JSON. Pure.

What a file says by key and line is told here by field. Texts come back as they are stored.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Hashable, Iterable, Iterator
from typing import TypeVar

from skerry_hub.devices import KINDS
from skerry_hub.fleet.fields import field as node_field
from skerry_hub.model import Workload
from skerry_hub.placement.contradiction import contradictions, reason
from skerry_hub.placement.device_expression import device_field
from skerry_hub.placement.device_presence import presence_of
from skerry_hub.placement.domain_contradiction import contradicted_terms, field_of
from skerry_hub.placement.effort import Effort
from skerry_hub.placement.expression import Expression
from skerry_hub.placement.reading import ExpressionError, Vocabulary, expression
from skerry_hub.terms import NODE, Affinity, DeviceRequest, Latency, Placement, Traffic
from skerry_hub.workloads import others
from skerry_hub.workloads.deploy import constraint
from skerry_hub.workloads.device_requests import impossible, merged
from skerry_hub.workloads.expressions import of_constraint
from skerry_hub.workloads.latency import environment
from skerry_hub.workloads.problems import RefusedError
from skerry_hub.workloads.x_placement import NO_DEVICES, wrong_toleration
from skerry_wire.labels import wrong_key

T = TypeVar("T")
Note = Callable[[str, str], None]
"""Takes what is wrong: the field, and why."""


def checked(workload: Workload, note: Note, within: Effort) -> Workload:
    """Return the workload with its expressions and requests as they are stored.

    `within`: what looking for contradictions may spend.
    """
    if workload.mode == "global" and workload.replicas != 1:
        note("replicas", "must be 1 for the mode global, which is one on every node that fits")
    for index, toleration in enumerate(workload.tolerations):
        wrong = wrong_toleration(toleration)
        if wrong is not None:
            note(f"tolerations[{index}].{wrong[0]}", wrong[1])
    own = [*_expressions(workload.expressions, node_field, "expressions", note)]
    written = [
        (f"resources.devices[{index}]", one)
        for index, request in enumerate(workload.resources.devices)
        for one in presence_of(request)
    ]
    first = len(written)
    written += _constraints(workload, note)
    written += ((f"expressions[{index}]", one) for index, one in own)
    every = [one for _, one in written]
    for found in contradictions(every, within):
        if found.index >= first:  # a request itself is looked at below
            why = reason(every, found, named=lambda index: f"{every[index]} ({written[index][0]})")
            note(written[found.index][0], f"contradicts: {why}")
    if workload.placement.numa and not workload.resources.devices:
        note("placement.numa", NO_DEVICES)
    _placement(workload.placement, note)
    _domains(workload, every, note, within)
    devices = merged(
        _device(one, f"resources.devices[{index}]", note, within)
        for index, one in enumerate(workload.resources.devices)
    )
    return dataclasses.replace(
        workload,
        expressions=tuple(dict.fromkeys(str(one) for _, one in own)),
        resources=dataclasses.replace(workload.resources, devices=devices),
    )


def tell(note: Note, field: str, parse: Callable[[str], T], written: str) -> T | None:
    """Return what a text means; None, and a note, where it means nothing."""
    try:
        return parse(written)
    except RefusedError as refused:
        note(field, refused.reason)
        return None


def once(note: Note, field: str, keys: Iterable[Hashable]) -> None:
    """Note the items of a list that ask for what an earlier one asks for."""
    first: dict[Hashable, int] = {}
    for index, key in enumerate(keys):
        before = first.setdefault(key, index)
        if before != index:
            note(f"{field}[{index}]", f"is the same as {field}[{before}]")


def _constraints(workload: Workload, note: Note) -> Iterator[tuple[str, Expression]]:
    """Give each constraint as an expression, and its field."""
    for index, one in enumerate(workload.constraints):
        field = f"constraints[{index}]"
        if tell(note, field, constraint, str(one)) is not None:
            yield field, of_constraint(one)


def _expressions(
    texts: Iterable[str], vocabulary: Vocabulary, field: str, note: Note
) -> Iterator[tuple[int, Expression]]:
    for index, text in enumerate(texts):
        try:
            yield index, expression(text, vocabulary)
        except ExpressionError as error:
            note(f"{field}[{index}]", str(error))


def _device(one: DeviceRequest, field: str, note: Note, within: Effort) -> DeviceRequest:
    if one.kind not in KINDS:
        note(f"{field}.kind", f"must be one of {', '.join(KINDS)}")
        return one
    if one.vendor == "":
        note(f"{field}.vendor", "is empty")
    read = [*_expressions(one.expressions, device_field, f"{field}.expressions", note)]
    tests = [test for _, test in read]
    for index, why in impossible(one.kind, one.vendor, tests, within):
        note(f"{field}.expressions[{read[index][0]}]", f"contradicts: {why}")
    return dataclasses.replace(one, expressions=tuple(dict.fromkeys(map(str, tests))))


# --- placement ---------------------------------------------------------------------------


def _placement(found: Placement, note: Note) -> None:
    for index, near in enumerate(found.affinity):
        _affinity(near, f"placement.affinity[{index}]", note)
    for index, spread in enumerate(found.spread):
        tell(note, f"placement.spread[{index}].topology", others.topology, spread.topology)
    for index, limit in enumerate(found.at_most):
        tell(note, f"placement.at_most[{index}].topology", others.topology, limit.topology)
    for index, latency in enumerate(found.latency):
        _latency(latency, f"placement.latency[{index}]", note)
    for index, traffic in enumerate(found.traffic):
        _traffic(traffic, f"placement.traffic[{index}]", note)
    for index, data in enumerate(found.data):
        if data.local and data.max_transfer_s is not None:
            field = f"placement.data[{index}].max_transfer_s"
            note(field, "is not for local data, which is never moved")
    if found.gang:
        tell(note, "placement.gang", others.name, found.gang)
    once(
        note,
        "placement.affinity",
        ((one.workload, one.selector, one.topology, one.anti) for one in found.affinity),
    )
    once(note, "placement.spread", (one.topology for one in found.spread))
    once(note, "placement.at_most", (one.topology for one in found.at_most))
    once(note, "placement.latency", ((one.to, one.name) for one in found.latency))
    once(note, "placement.traffic", ((one.environment, one.workload) for one in found.traffic))
    once(note, "placement.data", (one.dataset for one in found.data))


def _affinity(one: Affinity, field: str, note: Note) -> None:
    if bool(one.workload) is bool(one.selector):
        note(field, "must have one of workload, selector")
    elif one.workload:
        tell(note, f"{field}.workload", _workload, one.workload)
    else:
        tell(note, f"{field}.selector", others.selector, one.selector)
    tell(note, f"{field}.topology", others.topology, one.topology)


def _latency(one: Latency, field: str, note: Note) -> None:
    tell(note, f"{field}.name", lambda text: others.place(text, {}), f"{one.to}/{one.name}")
    if one.max_ms is None and one.weight is None:
        note(field, "must have max_ms, weight or both")
    if one.max_ms == 0:
        note(f"{field}.max_ms", "must be more than 0")


def _traffic(one: Traffic, field: str, note: Note) -> None:
    if bool(one.environment) is bool(one.workload):
        note(field, "must have one of environment, workload")
    elif one.workload:
        tell(note, f"{field}.workload", _workload, one.workload)
    else:
        tell(note, f"{field}.environment", environment, one.environment)


def _workload(text: str) -> str:
    return others.workload(text, {})


def _domains(workload: Workload, every: list[Expression], note: Note, within: Effort) -> None:
    """Note limits that leave too few places, and opposed affinities."""
    placement = workload.placement
    topologies = [
        *(one.topology for one in placement.affinity),
        *(one.topology for one in placement.at_most),
        *(one.topology for one in placement.spread),
    ]
    if any(one != NODE and wrong_key(one) for one in topologies):
        return  # told already
    for term, why in contradicted_terms(workload, every, within):
        note(field_of(workload, term), f"contradicts: {why}")
