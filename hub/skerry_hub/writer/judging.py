"""Who is silent, into one draft: liveness as `fleet.liveness` judges it, with its events."""

from __future__ import annotations

import dataclasses

from skerry_hub.fleet.apply import Note
from skerry_hub.fleet.columns import Columns
from skerry_hub.fleet.liveness import Patience, judge
from skerry_hub.model import Liveness
from skerry_hub.state import Draft, Known
from skerry_hub.writer.telling import Telling


def judge_all(
    known: Known,
    columns: Columns,
    telling: Telling,
    patience: Patience,
    watching_since: float,
    now: float,
) -> Draft:
    """Return what the silence, or the noise, of nodes changes."""
    suspects = set(columns.silent(now - patience.unreachable_s))
    suspects.update(
        node.id for node in known.nodes.values() if node.liveness is not Liveness.ONLINE
    )
    draft = Draft(known)
    for node_id in sorted(suspects):
        node = known.nodes.get(node_id)
        if node is None:
            continue
        seen = max(node.last_seen, columns.last_seen(node_id))
        liveness = judge(node, seen, watching_since, now, patience)
        if liveness is node.liveness:
            continue
        draft.nodes.put(node_id, dataclasses.replace(node, liveness=liveness, last_seen=seen))
        online = liveness is Liveness.ONLINE
        detail = "heard again" if online else f"last heard {now - seen:.0f} s ago"
        draft.events.append(telling.of_hub(node, Note(liveness.value, detail=detail), now))
    return draft
