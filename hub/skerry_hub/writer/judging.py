"""Who is silent, into one draft: liveness as `fleet.liveness` judges it, with its events."""

from __future__ import annotations

import dataclasses

import numpy as np

from skerry_hub.fleet.apply import Note
from skerry_hub.fleet.columns import Columns
from skerry_hub.fleet.listening import Listening
from skerry_hub.fleet.liveness import judge
from skerry_hub.model import Liveness
from skerry_hub.patience import Patience
from skerry_hub.state import Draft, Known
from skerry_hub.writer.telling import Telling


def judge_all(
    known: Known,
    columns: Columns,
    telling: Telling,
    patience: Patience,
    least_s: float,
    listening: Listening,
    now: float,
) -> Draft:
    """Return what the silence, or the noise, of nodes changes.

    A node of which a workload has lost its instances is unreachable at least: it takes no new ones.
    """
    draft = Draft(known)
    found = _suspects(columns, patience, least_s, listening, now)
    for node_id in sorted(found):
        node = known.nodes.get(node_id)
        if node is None:
            continue
        seen = max(node.last_seen, columns.last_seen(node_id))
        liveness = judge(node, seen, listening, now, found[node_id])
        if liveness is node.liveness:
            continue
        draft.nodes.put(node_id, dataclasses.replace(node, liveness=liveness, last_seen=seen))
        online = liveness is Liveness.ONLINE
        detail = "heard again" if online else f"last heard {now - seen:.0f} s ago"
        draft.events.append(telling.of_hub(node, Note(liveness.value, detail=detail), now))
    return draft


def _suspects(
    columns: Columns, patience: Patience, least_s: float, listening: Listening, now: float
) -> dict[str, Patience]:
    """Return the nodes that may be other than they are judged, and the patience with each.

    Those are who is online and was not heard, who is not and was, and who was not for longest.
    """
    rows = columns.rows()
    seen = columns.signs(rows)
    silent_s = now - listening.heard(seen)
    tolerance = columns.silence.tolerance
    lost_s = tolerance(rows, patience.lost_s, patience, now)
    quiet_s = np.minimum(patience.unreachable_s, tolerance(rows, least_s, patience, now))
    heard = (now - seen < quiet_s) & (seen >= listening.since)
    is_online, is_lost = columns.online(rows), columns.lost(rows)
    away = heard | (~is_lost & (silent_s >= lost_s))
    found = np.flatnonzero(np.where(is_online, silent_s >= quiet_s, away)).tolist()
    return {
        columns.facts(int(rows[at])).id: dataclasses.replace(
            patience, unreachable_s=float(quiet_s[at]), lost_s=float(lost_s[at])
        )
        for at in found
    }
