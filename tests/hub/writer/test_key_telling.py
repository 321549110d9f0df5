"""Who is told which change of the order key, and what each node is sent meanwhile."""

import json

import pytest
import sqlalchemy as sa
from tests.hub.records import report, workload
from tests.hub.rig import Rig, until
from tests.hub.test_order_keys import Box

from skerry_hub.access import audit_rows
from skerry_hub.access.audit_rows import Wanted
from skerry_hub.order_keys import OrderKeys
from skerry_hub.store_opening import open_store
from skerry_wire import codec
from skerry_wire.audit_chain import Chain
from skerry_wire.messages import Envelope
from skerry_wire.order_keys import KeyChanges

NOW = 1_790_000_000.0


class Hub(Rig):
    """A hub whose key can change, and boxes that report which keys they trust."""

    def __init__(self, folder, url=None):
        store = open_store(url or f"sqlite:///{folder / 'hub.db'}")
        super().__init__(folder, OrderKeys(folder, store), store=store)
        self.boxes, self.seq = {}, 0

    def box(self, name):
        box = self.boxes[name] = Box(self.key.public)
        self.tell(name, first=True)
        return box

    def tell(self, name, first=False, accepted=0):
        self.seq += 1
        keys = self.boxes[name].node().report.keys
        if first:
            self.join(name, seq=self.seq, keys=keys, accepted=accepted)
        else:
            assert self.say(name, report(seq=self.seq, keys=keys, accepted=accepted)).wait(20)
        self.idle()

    def told(self, name):
        return self.broker.payloads(f"skerry/v1/nodes/{name}/keys")

    def signer(self, name):
        """Return the id of the key of the newest order that was published for a node."""
        found = self.broker.payloads(f"skerry/v1/nodes/{name}/order")
        return codec.decode(Envelope, found[-1]).key_id if found else None


@pytest.fixture
def hub(tmp_path):
    hub = Hub(tmp_path).start()
    yield hub
    hub.stop()


def test_every_node_is_told_and_then_gets_the_same_order_signed_with_the_next_key(hub):
    boxes = {name: hub.box(name) for name in ("box-1", "box-2")}
    hub.apply(workload(replicas=2))
    before = {name: hub.orders(name) for name in boxes}
    assert all(before.values())
    old = hub.key.id
    hub.key.rotate(NOW)
    following = hub.key.next.id
    until("both to be told", lambda: all(map(hub.told, boxes)))
    assert all(one.retain for one in hub.broker.sent if one.topic.endswith("/keys"))
    boxes["box-1"].told(hub.key)
    hub.tell("box-1")
    until("its order to be signed anew", lambda: hub.signer("box-1") == following)
    assert hub.signer("box-2") == old, "it does not trust the next one yet"
    again = hub.orders("box-1")
    assert again[-1] == before["box-1"][-1]
    assert hub.key.id == old, "one box does not trust the next one yet"
    boxes["box-2"].told(hub.key)
    hub.tell("box-2")
    until("the old key to be retired by itself", lambda: hub.key.id == following)
    until("both to be told of that", lambda: all(len(hub.told(name)) > 1 for name in boxes))
    for name, box in boxes.items():
        newest = codec.decode(KeyChanges, hub.told(name)[-1])
        assert len(newest.changes) == 1, "what it has it is not told again"
        box.told(hub.key)
        assert box.trusted == {following}


def rows_of(store, action):
    with store.reading() as connection:
        return audit_rows.page(connection, Wanted(action=action), 100)


def test_that_the_hub_retired_a_key_by_itself_is_in_the_audit_log(tmp_path, database):
    hub = Hub(tmp_path, database).start()
    try:
        old, box = hub.key.id, hub.box("box-1")
        hub.key.rotate(NOW)
        following = hub.key.next.id
        box.told(hub.key)
        hub.tell("box-1")
        until("the old key to be retired", lambda: hub.key.id == following)
        until("both rows", lambda: len(rows_of(hub.store, "key")) > 1)
        before, after = rows_of(hub.store, "key")
        assert [(one.who, one.action) for one in (before, after)] == [("hub", "key retire")] * 2
        facts = {"phase": "intent", "subject": old, "next": following, "boxes": "1"}
        assert before.content == facts
        assert after.content == {"phase": "outcome", "of": str(before.seq), "status": "done"}
        chain = Chain()
        assert [chain.take(row) for row in rows_of(hub.store, "")] == [None, None]
    finally:
        hub.stop()


def test_a_key_is_not_retired_by_itself_where_the_audit_log_cannot_have_it(tmp_path, database):
    hub = Hub(tmp_path, database).start()
    try:
        old, box = hub.key.id, hub.box("box-1")
        with hub.store.aside() as connection:
            connection.execute(sa.text("ALTER TABLE audit RENAME TO audit_away"))
        hub.key.rotate(NOW)
        box.told(hub.key)
        hub.tell("box-1")
        until("a try", lambda: hub.service._key_telling._retire_at > 0)
        assert (hub.key.id, hub.key.without([box.node()])) == (old, {})
        with hub.store.aside() as connection:
            connection.execute(sa.text("ALTER TABLE audit_away RENAME TO audit"))
        hub.service._key_telling._retire_at = 0.0
        until("the old key to be retired", lambda: hub.key.id != old)
    finally:
        hub.stop()


def test_a_node_is_told_once_and_again_when_the_broker_may_have_lost_it(hub):
    hub.box("box-1")
    hub.key.rotate(NOW)
    until("it to be told", lambda: hub.told("box-1"))
    for _ in range(5):
        hub.idle()
    assert len(hub.told("box-1")) == 1
    hub.broker.go_away()
    hub.broker.come_back()
    until("it to be told again", lambda: len(hub.told("box-1")) == 2)


def test_one_that_has_forgotten_is_told_again(hub):
    box = hub.box("box-1")
    first = box.ring
    hub.box("box-2")  # so that the old key is not retired
    hub.key.rotate(NOW)
    until("it to be told", lambda: hub.told("box-1"))
    box.told(hub.key)
    hub.tell("box-1")
    until("that to be seen", lambda: "box-1" not in hub.service._key_telling._told)
    box.ring = first
    hub.tell("box-1")
    until("it to be told again", lambda: len(hub.told("box-1")) == 2)


def test_a_box_of_an_older_version_is_told_nothing_and_holds_up_the_retirement(hub):
    hub.join("box-1", seq=1)
    hub.key.rotate(NOW)
    hub.idle()
    assert hub.told("box-1") == []
    assert hub.key.next is not None


def test_a_node_that_first_appears_after_the_change_follows(hub):
    box = Box(hub.key.public)
    hub.key.rotate(NOW)
    hub.key.retire(NOW + 1, force=True)
    hub.boxes["box-1"] = box
    hub.tell("box-1", first=True)
    until("it to be told", lambda: hub.told("box-1"))
    box.told(hub.key)
    assert box.trusted == {hub.key.id}


def test_the_hub_says_which_key_signs(hub):
    hub.key.rotate(NOW)
    hub.key.retire(NOW + 1, force=True)
    hub.broker.go_away()
    hub.broker.come_back()
    said = until("its presence", lambda: hub.broker.payloads("skerry/v1/hub/presence")[-1:])
    until(
        "the new key",
        lambda: (
            json.loads(hub.broker.payloads("skerry/v1/hub/presence")[-1])["order_key"] == hub.key.id
        ),
    )
    assert said


def test_after_a_restart_what_was_issued_before_is_signed_anew(tmp_path, hub):
    box = hub.box("box-1")
    hub.apply(workload(replicas=1))
    hub.key.rotate(NOW)
    box.told(hub.key)
    hub.key.retire(NOW + 1, force=True)
    hub.stop()
    again = Hub(tmp_path).start()
    try:
        again.boxes, again.seq = hub.boxes, hub.seq
        again.tell("box-1", first=True)
        until("its order", lambda: again.signer("box-1") == again.key.id)
        assert [one.generation for one in again.orders("box-1")][-1] == 1
    finally:
        again.stop()
