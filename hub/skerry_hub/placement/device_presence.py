"""What a node must tell of itself for a request for devices to be met on it, as expressions. Pure.

Only for holding requests against what else is asked of the node: whether one is met is judged by
`device_needs`. Each says less than the request does, and only of accelerators, whose fields stand
in the node's hardware under the same names; a negation says nothing of the other devices.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from skerry_hub.devices import ACCELERATORS
from skerry_hub.fleet.fields import Field, field
from skerry_hub.placement.device_expression import device_field, of_vendor
from skerry_hub.placement.expression import AllOf, AnyOf, Comparison, Expression
from skerry_hub.placement.operators import ORDERING, VERSIONS, Operator
from skerry_hub.placement.reading import ExpressionError, expression
from skerry_hub.terms import DeviceRequest

_PREFIX = "node.hardware.accelerators."
_SAME = ("kind", "vendor", "model", "bus", "address", "driver", "usable", "numa_node")
_FIELDS: Mapping[str, Field] = {
    **{name: field(_PREFIX + name) for name in _SAME},
    "memory_bytes": field(f"{_PREFIX}memory_bytes"),
    "size_bytes": field(f"{_PREFIX}memory_bytes"),
    "name": field(f"{_PREFIX}address"),
}
_OF_SOME = (
    frozenset({Operator.EXISTS, Operator.EQUAL, Operator.IN, Operator.MATCHES})
    | ORDERING
    | (VERSIONS - {Operator.VERSION_UNEQUAL})
)
"""The operators that hold of a list as soon as they hold of one of its values."""


def presence_of(request: DeviceRequest) -> Iterator[Expression]:
    """Give what holds of every node that has what is requested."""
    if request.kind not in ACCELERATORS:
        return
    tests: list[Expression] = [expression(f"kind == {request.kind}", device_field)]
    if request.vendor:
        tests.append(of_vendor(request.vendor))
    for text in request.expressions:
        try:
            tests.append(expression(text, device_field))
        except ExpressionError:
            continue  # `device_needs` tells of it
    for test in tests:
        found = _of_node(test)
        if found is not None:
            yield found


def _of_node(one: Expression) -> Expression | None:
    """Return what a test of one device says of the list of them; None where that is nothing."""
    match one:
        case Comparison(asked, operator, texts, wanted):
            there = _FIELDS.get(asked.path)
            if there is None or operator not in _OF_SOME:
                return None
            return Comparison(there, operator, texts, wanted)
        case AllOf(parts):
            kept = tuple(found for found in map(_of_node, parts) if found is not None)
            return AllOf(kept) if kept else None
        case AnyOf(parts):
            ways = tuple(map(_of_node, parts))
            known = tuple(way for way in ways if way is not None)
            return AnyOf(known) if len(known) == len(ways) else None
    return None
