"""Which image an instance runs: its box may have an earlier revision than what is wanted. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from skerry_hub.state import Known
from skerry_wire.messages import InstanceStatus


def image_of(known: Known, workload: str, revision: str) -> str | None:
    """Return the image of a workload's first container at a revision, None where none is known."""
    kept = known.workloads.get(workload)
    if kept is not None and kept.workload.revision == revision:
        return kept.workload.containers[0].image
    return known.updates.images.get(workload, {}).get(revision)


def earlier_revisions(known: Known) -> dict[str, set[str]]:
    """Return the revisions that nodes tell of and that are not the newest, by workload."""
    found: dict[str, set[str]] = {}
    for status in _told(known):
        kept = known.workloads.get(status.workload)
        if kept is not None and kept.workload.revision != status.revision:
            found.setdefault(status.workload, set()).add(status.revision)
    return found


def _told(known: Known) -> Iterator[InstanceStatus]:
    for node in known.nodes.values():
        if node.report is not None:
            yield from node.report.instances
    for one in known.assignments.values():
        if one.finished is not None:
            yield one.finished.status
