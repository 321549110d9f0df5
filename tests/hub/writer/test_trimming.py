"""When old events and decisions go."""

from tests.hub.records import NOW, node

from skerry_hub.retention import Keep
from skerry_hub.state import Draft, Known
from skerry_hub.views import EventView
from skerry_hub.writer import trimming


class Kept:
    def __init__(self):
        self.asked = []

    def trim_events(self):
        self.asked.append("events")

    def trim_decisions(self, keep, now):
        self.asked.append(keep)


def drafted(events):
    draft = Draft(Known([node()]))
    draft.events += [EventView(id=f"e-{at}", node="box-1", kind="exited", at=NOW) for at in events]
    return draft


def test_after_a_time_or_after_many_more_and_then_anew():
    old = trimming.Trimming(store := Kept(), keep := Keep())
    assert old.due(trimming.TRIM_S + 1)
    assert not old.due(trimming.TRIM_S + 2)
    old.committed(drafted(range(trimming.TRIM_EVENTS)))
    assert not old.due(trimming.TRIM_S + 3)
    old.committed(drafted(range(1)))
    assert old.due(trimming.TRIM_S + 4)
    assert not old.due(trimming.TRIM_S + 5)
    assert old.due(2 * trimming.TRIM_S + 5)
    old.trim()
    assert store.asked == ["events", keep]
