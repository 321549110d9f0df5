"""What people name, found among the records. Pure."""

from __future__ import annotations

from skerry_hub.model import Node
from skerry_hub.state import Draft, Kept, Known
from skerry_hub.views import Problem
from skerry_hub.work import RefusedError


def find_node(where: Known | Draft, name: str) -> Node:
    """Return the node of an id, or of a hostname that only one has. Raises RefusedError."""
    node = where.nodes.get(name)
    if node is not None:
        return node
    named = [one for one in list(where.nodes.values()) if one.hostname == name]
    if len(named) == 1:
        return named[0]
    if named:
        ids = ", ".join(sorted(one.id for one in named)[:10])
        reason = f"{len(named)} nodes have the hostname {name}; name one by its id: {ids}"
        raise RefusedError(409, Problem(reason=reason))
    raise RefusedError(404, Problem(reason=f"there is no node {name[:80]}"))


def find_workload(where: Known | Draft, name: str) -> Kept:
    """Return the workload of a name. Raises RefusedError."""
    kept = where.workloads.get(name)
    if kept is None:
        raise RefusedError(404, Problem(reason=f"there is no workload {name[:80]}"))
    return kept


def find_instance(where: Known, name: str) -> Node:
    """Return the node on which an instance is, or by its report still is. Raises RefusedError."""
    assignment = where.assignments.get(name)
    if assignment is not None and assignment.node in where.nodes:
        return where.nodes[assignment.node]
    for node in list(where.nodes.values()):
        if node.report is not None and any(one.id == name for one in node.report.instances):
            return node
    raise RefusedError(404, Problem(reason=f"there is no instance {name[:80]}"))
