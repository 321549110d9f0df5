"""The order key and its change: on real files and a real database, through kills and backups."""

import base64
import os
import shutil
import signal
import sys

import pytest
from tests.hub.records import node, report

from skerry_executor import key_changes
from skerry_executor.key_changes import KeyRing
from skerry_hub.keys import PRIVATE, PUBLIC, OrderKeyError, load, load_or_make, make
from skerry_hub.order_keys import FRESH, NEXT, SETTING, OrderKeys, RotationError
from skerry_hub.store_error import StoreError
from skerry_hub.store_opening import open_store
from skerry_wire.order_keys import KeyStanding

NOW = 1_790_000_000.0


class Hub:
    """A data folder, opened anew for each start of a hub."""

    def __init__(self, folder, url=None):
        self.folder = folder
        self.url = url or f"sqlite:///{folder / 'hub.db'}"
        self.store = None

    def start(self):
        self.stop()
        self.store = open_store(self.url)
        return OrderKeys(self.folder, self.store)

    def stop(self):
        if self.store is not None:
            self.store.close()
            self.store = None


@pytest.fixture
def hub(tmp_path):
    hub = Hub(tmp_path)
    yield hub
    hub.stop()


class Box:
    """What the executor of a box makes of the changes: its own code, without its disk."""

    def __init__(self, *public):
        self.by_root = {key_changes.envelope.key_id_of(key): key for key in public}
        self.ring = KeyRing()

    @property
    def trusted(self):
        return set(key_changes.trusted(self.ring, self.by_root))

    def node(self, name="box-1"):
        standing = KeyStanding(sequence=self.ring.sequence, trusted=tuple(sorted(self.trusted)))
        return node(name, report=report(keys=standing))

    def told(self, keys):
        """Hand over what the hub has for it; say whether there was anything."""
        lacking = keys.lacking(self.node())
        if lacking:
            found = key_changes.taken(keys.message_of(lacking), self.ring, self.by_root)
            self.ring = found.ring
        return bool(lacking)


def test_without_a_change_there_is_one_key_and_nothing_to_tell(hub):
    keys = hub.start()
    assert (hub.folder / PRIVATE).stat().st_mode & 0o777 == 0o600
    assert keys.public_keys == (keys.public,)
    box = Box(keys.public)
    assert not box.told(keys)
    assert keys.for_node(box.node()).id == keys.id
    assert keys.without([box.node()]) == {}
    assert hub.start().id == keys.id


def test_the_key_of_a_hub_of_before_is_taken_over(hub):
    key = load_or_make(hub.folder)
    assert hub.start().id == key.id


def test_a_rotation_from_end_to_end(hub):
    keys = hub.start()
    old, box = keys.id, Box(keys.public)
    keys.rotate(NOW)
    following = keys.next.id
    assert (hub.folder / NEXT).stat().st_mode & 0o777 == 0o600
    assert keys.for_node(box.node()).id == old, "it does not trust the next one yet"
    assert "told as soon as it can be reached" in keys.without([box.node()])["box-1"]
    assert box.told(keys)
    assert box.trusted == {old, following}
    assert keys.for_node(box.node()).id == following
    assert keys.without([box.node()]) == {}
    keys.retire(NOW + 1)
    assert (keys.id, keys.next) == (following, None)
    assert not (hub.folder / NEXT).exists()
    assert base64.b64decode((hub.folder / PUBLIC).read_text()) == keys.public
    assert box.told(keys)
    assert box.trusted == {following}
    assert not box.told(keys)
    assert hub.start().id == following


def test_a_box_that_was_away_for_three_rotations_follows(hub):
    keys = hub.start()
    box, joined = Box(keys.public), None
    for turn in range(3):
        keys.rotate(NOW + turn)
        keys.retire(NOW + turn, ["box-1"], force=True)
        joined = joined or Box(keys.public)
    keys = hub.start()
    for one in (box, joined):
        while one.told(keys):
            pass
        assert one.trusted == {keys.id}


def test_one_that_lacks_more_changes_than_a_message_has_is_told_them_in_turn(hub):
    keys = hub.start()
    box, tellings = Box(keys.public), 0
    for turn in range(40):
        keys.rotate(NOW + turn)
        keys.retire(NOW + turn, force=True)
    while box.told(keys):
        tellings += 1
    assert box.trusted == {keys.id}
    assert tellings == 3


def test_one_that_joined_after_many_changes_follows_the_next_one(hub):
    keys = hub.start()
    for turn in range(40):
        keys.rotate(NOW + turn)
        keys.retire(NOW + turn, force=True)
    box = Box(keys.public)
    assert box.told(keys), "that the key before its own is retired"
    assert not box.told(keys)
    keys.rotate(NOW + 100)
    assert box.told(keys)
    assert box.trusted == {keys.id, keys.next.id}
    keys.retire(NOW + 101)
    assert box.told(keys)
    assert box.trusted == {keys.id}


def test_a_box_of_another_hub_is_told_nothing_and_said(hub):
    keys = hub.start()
    keys.rotate(NOW)
    box = Box(b"another hub's key, of 32 bytes!!!"[:32])
    assert not box.told(keys)
    (reason,) = keys.without([box.node()]).values()
    assert "no key of this hub: root must join it anew" in reason


def test_a_stolen_key_is_distrusted_with_the_very_change(hub):
    keys = hub.start()
    old, box = keys.id, Box(keys.public)
    keys.rotate(NOW, stolen=True)
    assert keys.public_keys == (keys.next.public,), "who joins now never trusts the stolen one"
    box.told(keys)
    assert box.trusted == {keys.next.id}
    keys.retire(NOW + 1)
    assert not box.told(keys), "it knows all already"
    assert old not in box.trusted


def test_a_box_that_joins_in_the_midst_trusts_both(hub):
    keys = hub.start()
    keys.rotate(NOW)
    box = Box(*keys.public_keys)
    assert box.trusted == {keys.id, keys.next.id}
    keys.retire(NOW + 1)
    while box.told(keys):
        pass
    assert box.trusted == {keys.id}


def test_what_cannot_be_done_is_said_with_what_to_do(hub):
    keys = hub.start()
    with pytest.raises(RotationError, match="skerry key rotate"):
        keys.retire(NOW)
    keys.rotate(NOW)
    with pytest.raises(RotationError, match="skerry key status"):
        keys.rotate(NOW)
    with pytest.raises(RotationError, match=r"2 boxes do not trust .* \(a, b\).*--force"):
        keys.retire(NOW, ["a", "b"])
    assert keys.next is not None


@pytest.mark.parametrize(
    ("record", "reason"),
    [
        (node(report=None), "has not reported"),
        (node(report=report()), "update skerry-agent"),
        (node(report=report(keys=KeyStanding(sequence=2**50, trusted=("0" * 16,)))), "another hub"),
        (node(report=report(keys=KeyStanding())), "no key at all"),
        (node(report=report(keys=KeyStanding(trusted=("0" * 16,)),
                            problems=("a change of order keys was refused: full disk",))),
         "full disk"),
    ],
)  # fmt: skip
def test_why_a_box_does_not_trust_the_next_key_is_said(hub, record, reason):
    keys = hub.start()
    keys.rotate(NOW)
    assert reason in keys.without([record])["box-1"]


def follow(box, keys):
    while box.told(keys):
        pass


@pytest.mark.parametrize("name", [NEXT, FRESH])
@pytest.mark.parametrize("stolen", [False, True])
def test_a_key_that_lay_there_is_never_begun_with(tmp_path, database, name, stolen):
    """Who copied the folder once may have it."""
    hub = Hub(tmp_path, database)
    keys = hub.start()
    left = make(tmp_path / name).id
    try:
        for again in (keys, hub.start()):
            assert again.next is None, "the store does not name it"
        again.rotate(NOW, stolen=stolen)
        assert again.next.id != left
        assert hub.start().next.id == again.next.id
    finally:
        hub.stop()


class Failing:
    """A store of which a write fails, before or after it has the record."""

    def __init__(self, store, taken):
        self.store, self.taken, self.fails = store, taken, True

    def setting(self, key, otherwise):
        return self.store.setting(key, otherwise)

    def set_setting(self, key, value):
        if not self.fails or self.taken:
            self.store.set_setting(key, value)
        if self.fails:
            raise StoreError("the connection was cut")


@pytest.mark.parametrize("stolen", [False, True])
def test_a_change_whose_record_could_not_be_written_is_begun_with_another_key(
    tmp_path, database, stolen
):
    hub = Hub(tmp_path, database)
    old, box = hub.start().id, Box(hub.start().public)
    store = Failing(hub.store, taken=False)
    keys = OrderKeys(tmp_path, store)
    try:
        with pytest.raises(StoreError):
            keys.rotate(NOW, stolen=stolen)
        assert (keys.next, hub.start().next) == (None, None)
        left = load(tmp_path, FRESH).id
        store.store, store.fails = hub.store, False
        keys.rotate(NOW + 60, stolen=stolen)
        assert keys.next.id not in (old, left)
        follow(box, keys)
        assert box.trusted == ({keys.next.id} if stolen else {old, keys.next.id})
    finally:
        hub.stop()


@pytest.mark.parametrize("stolen", [False, True])
def test_a_change_that_the_store_had_taken_all_the_same_goes_on(tmp_path, database, stolen):
    hub = Hub(tmp_path, database)
    old, box = hub.start().id, Box(hub.start().public)
    store = Failing(hub.store, taken=True)
    keys = OrderKeys(tmp_path, store)
    try:
        with pytest.raises(StoreError):
            keys.rotate(NOW, stolen=stolen)
        begun, store.fails = load(tmp_path, FRESH).id, False
        with pytest.raises(RotationError, match=f"being changed to {begun} already"):
            keys.rotate(NOW + 60)
        assert load(tmp_path, NEXT).id == begun
        follow(box, keys)
        assert box.trusted == ({begun} if stolen else {old, begun})
        keys = hub.start()
        keys.retire(NOW + 61)
        follow(box, keys)
        assert (keys.id, box.trusted) == (begun, {begun})
    finally:
        hub.stop()


@pytest.mark.parametrize("first_stolen", [False, True])
def test_a_folder_that_was_stolen_in_the_midst_of_a_change_is_worth_nothing(
    tmp_path, database, first_stolen
):
    """Boxes that heard of the first change, of none, and of both at once distrust both keys."""
    hub = Hub(tmp_path, database)
    keys = hub.start()
    old, boxes = keys.id, [Box(keys.public) for _ in range(3)]
    try:
        keys.rotate(NOW, stolen=first_stolen)
        between = keys.next.id
        boxes[0].told(keys)
        joined = Box(*keys.public_keys)
        keys.rotate(NOW + 1, stolen=True)
        newest = keys.next.id
        assert newest not in (old, between)
        assert keys.public_keys == (keys.next.public,)
        for box in (boxes[0], boxes[1], joined):
            follow(box, keys)
            assert box.trusted == {newest}
            assert keys.for_node(box.node()).id == newest
        again = hub.start()
        assert (again.id, again.next.id) == (old, newest)
        again.retire(NOW + 2)
        assert (again.id, not (tmp_path / NEXT).exists()) == (newest, True)
        for box in (*boxes, joined):
            follow(box, again)
            assert box.trusted == {newest}
            assert again.without([box.node()]) == {}
    finally:
        hub.stop()


@pytest.mark.parametrize("first_stolen", [False, True])
def test_killed_at_any_step_of_that_no_box_is_lost(hub, first_stolen):
    for step in range(1, 4000, 61):
        folder = hub.folder / str(step)
        folder.mkdir()
        one = Hub(folder)
        keys = one.start()
        boxes = [Box(keys.public), Box(keys.public)]
        keys.rotate(NOW, stolen=first_stolen)
        between = keys.next.id
        boxes[0].told(keys)
        one.stop()
        if not _killed(one, lambda keys: keys.rotate(NOW + 1, stolen=True), step):
            break
        keys = one.start()
        assert keys.next is not None, "one of both changes is under way"
        if keys.next.id == between:
            keys.rotate(NOW + 2, stolen=True)
        for box in boxes:
            follow(box, keys)
            assert box.trusted == {keys.next.id}
        keys.retire(NOW + 3)
        assert keys.id not in (between, None)
        one.stop()
        shutil.rmtree(folder)
    else:
        pytest.fail("it never ended by itself")
    assert step > 50


def test_a_next_key_that_is_gone_is_distrusted_with_the_change_after_it(hub):
    keys = hub.start()
    box = Box(keys.public)
    keys.rotate(NOW)
    gone = keys.next.id
    box.told(keys)
    (hub.folder / NEXT).unlink()
    again = hub.start()
    again.rotate(NOW + 1)
    follow(box, again)
    assert box.trusted == {again.id, again.next.id}
    assert gone in again.record.changes[-1].retires


@pytest.mark.parametrize("stolen", [False, True])
def test_killed_at_any_step_a_change_has_begun_or_has_not(hub, stolen):
    for step in range(1, 4000, 41):
        folder = hub.folder / str(step)
        folder.mkdir()
        one = Hub(folder)
        old = one.start().id
        one.stop()
        if not _killed(one, lambda keys: keys.rotate(NOW, stolen=stolen), step):
            break
        keys = one.start()
        assert keys.id == old
        assert (keys.next is None) == (not keys.record.changes)
        box = Box(keys.public)
        if keys.next is None:
            keys.rotate(NOW + 5, stolen=stolen)
        while box.told(keys):
            pass
        assert keys.next.id in box.trusted
        keys.retire(NOW + 6)
        one.stop()
        shutil.rmtree(folder)
    else:
        pytest.fail("it never ended by itself")
    assert step > 50


def test_killed_at_any_step_a_change_has_ended_or_has_not(hub):
    ended = set()
    for step in range(1, 4000, 23):
        folder = hub.folder / str(step)
        folder.mkdir()
        one = Hub(folder)
        keys = one.start()
        box, old = Box(keys.public), keys.id
        keys.rotate(NOW)
        following = keys.next.id
        box.told(keys)
        one.stop()
        if not _killed(one, lambda keys: keys.retire(NOW + 1), step):
            break
        keys = one.start()
        assert keys.id in (old, following)
        ended.add(keys.id == following)
        if keys.next is not None:
            keys.retire(NOW + 2)
        while box.told(keys):
            pass
        assert keys.id == following
        assert box.trusted == {following}
        one.stop()
        shutil.rmtree(folder)
    else:
        pytest.fail("it never ended by itself")
    assert ended == {False, True}


def _killed(hub, change, step):
    """Make a change in a child that is killed at its `step`th call of C code from Python."""
    child = os.fork()
    if child == 0:
        keys, left = hub.start(), step

        def profile(_frame, event, _called):
            nonlocal left
            if event == "c_call":
                left -= 1
                if left == 0:
                    os.kill(os.getpid(), signal.SIGKILL)

        sys.setprofile(profile)
        change(keys)
        sys.setprofile(None)
        os._exit(0)
    _, status = os.waitpid(child, 0)
    assert os.WIFSIGNALED(status) or status == 0
    return os.WIFSIGNALED(status)


def test_a_database_of_before_the_change_is_no_obstacle(hub):
    keys = hub.start()
    box = Box(keys.public)
    hub.stop()
    shutil.copy(hub.folder / "hub.db", hub.folder / "backup")
    keys = hub.start()
    keys.rotate(NOW)
    box.told(keys)
    keys.retire(NOW + 1)
    box.told(keys)
    hub.stop()
    for name in ("hub.db-wal", "hub.db-shm"):
        (hub.folder / name).unlink(missing_ok=True)
    shutil.copy(hub.folder / "backup", hub.folder / "hub.db")
    again = hub.start()
    assert again.id == keys.id, "the file is what can sign"
    again.rotate(NOW + 100)
    box.told(again)
    assert again.next.id in box.trusted, "its number is above those that the database forgot"


def test_a_key_of_before_the_change_is_said_in_the_status(hub):
    keys = hub.start()
    old = (hub.folder / PRIVATE).read_bytes()
    box = Box(keys.public)
    keys.rotate(NOW)
    box.told(keys)
    keys.retire(NOW + 1)
    box.told(keys)
    hub.stop()
    (hub.folder / PRIVATE).write_bytes(old)
    again = hub.start()
    assert "trusts other keys" in again.without([box.node()])["box-1"]


def test_a_next_key_that_is_not_in_the_backup_is_made_anew(hub):
    keys = hub.start()
    keys.rotate(NOW)
    (hub.folder / NEXT).unlink()
    again = hub.start()
    assert (again.id, again.next) == (keys.id, None)
    box = Box(again.public)
    again.rotate(NOW + 1)
    box.told(again)
    assert again.next.id in box.trusted


def test_a_key_that_was_retired_is_not_rotated_to(hub):
    keys = hub.start()
    old = (hub.folder / PRIVATE).read_bytes()
    keys.rotate(NOW)
    keys.retire(NOW)
    (hub.folder / NEXT).write_bytes(old)
    (hub.folder / NEXT).chmod(0o600)
    keys.rotate(NOW + 1)
    box = Box(keys.public)
    box.told(keys)
    assert keys.next.id in box.trusted


@pytest.mark.parametrize("text", ["", "nonsense", "AAAA"])
def test_damaged_changes_are_said_and_never_begun_anew(hub, text):
    hub.start()
    hub.store.set_setting(SETTING, text)
    with pytest.raises(OrderKeyError, match="put back a backup"):
        OrderKeys(hub.folder, hub.store)


def test_a_full_disk_begins_nothing(hub):
    keys = hub.start()
    (hub.folder / f"{FRESH}.new").mkdir()
    with pytest.raises((OrderKeyError, OSError)):
        keys.rotate(NOW)
    assert keys.next is None
    assert keys.record.changes == ()
