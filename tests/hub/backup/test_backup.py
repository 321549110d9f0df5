"""Backups from and into SQLite and a real PostgreSQL: the same tests for each pair."""

import dataclasses
import io
import itertools
import json
import os
import pathlib
import signal
import subprocess
import sys
import tarfile
import textwrap
import time
import traceback

import pytest
import sqlalchemy as sa
from tests.hub.records import NOW, kept, node
from tests.hub.store_contents import commit, everything, same, say

from skerry_hub import keys, secret_key, tables
from skerry_hub.backup import making, parts, placing, restoring
from skerry_hub.backup.parts import BackupError
from skerry_hub.data_folder import RESTORING, claim_whole
from skerry_hub.enrollment_rows import EnrollmentRows
from skerry_hub.pki import authority, crl
from skerry_hub.state import Known
from skerry_hub.store_error import StoreError
from skerry_hub.store_opening import engine_at, open_store

CA = "ca-key"
LATER = NOW + 3600
_numbers = itertools.count()


@dataclasses.dataclass
class Place:
    """A data folder with a database of one kind."""

    data: pathlib.Path
    url: str

    def fill(self, change=everything):
        """Have a hub's keys and rows there; return what is known."""
        self.data.mkdir(mode=0o700, exist_ok=True)
        keys.load_or_make(self.data)
        secret_key.load_or_make(self.data)
        store = open_store(self.url)
        known = store.load()
        commit(store, known, change)
        store.setting("id", "0a1b2c3d")
        store.close()
        return known

    def known(self):
        store = open_store(self.url)
        try:
            return store.load()
        finally:
            store.close()

    def rows(self, table, **values):
        """Put a row of who may connect, or who may ask."""
        engine, _ = engine_at(self.url)
        with engine.begin() as connection:
            connection.execute(sa.insert(table).values(**values))
        engine.dispose()

    def all_rows(self):
        engine, _ = engine_at(self.url)
        with engine.connect() as connection:
            found = {
                name: [tuple(row) for row in connection.execute(sa.select(table))]
                for name, table in tables.metadata.tables.items()
                if name != "audit"  # where a restore says that it was one
            }
        engine.dispose()
        return found

    def backup(self):
        output = io.BytesIO()
        making.make(self.data, self.url, output, NOW)
        return output.getvalue()

    def restore(self, backup, force=False, access_too=False, crl=None):
        return restoring.restore(
            io.BytesIO(backup), self.data, self.url,
            force=force, access_too=access_too, now=LATER + next(_numbers), crl=crl,
        )  # fmt: skip

    def files(self):
        return {
            str(one.relative_to(self.data)): one.read_bytes()
            for one in sorted(self.data.rglob("*"))
            if one.is_file() and not one.name.startswith(("hub.db-", "lock"))
        }


@pytest.fixture
def place(request, tmp_path):
    numbers = itertools.count()

    def make(kind):
        data = tmp_path / f"{kind}-{next(numbers)}"
        if kind == "sqlite":
            return Place(data, f"sqlite:///{data / 'hub.db'}")
        url = request.getfixturevalue("server").make(f"backup_{os.getpid()}_{time.monotonic_ns()}")
        return Place(data, url)

    return make


KINDS = ("sqlite", "postgresql")
pairs = pytest.mark.parametrize(("here", "there"), list(itertools.product(KINDS, KINDS)))
kinds = pytest.mark.parametrize("kind", KINDS)


def enrollment(name, revoked_at=None):
    return {
        "node": name, "key_digest": name.ljust(64, "0"), "joined_at": NOW,
        "revoked_at": revoked_at, "content": "{}",
    }  # fmt: skip


def setting(place, name):
    return dict(row for row in place.all_rows()["hub"]).get(name)


def altered(backup, change):
    """Return a backup whose members `change` has had its hands on, by name and content."""
    members = {}
    with tarfile.open(fileobj=io.BytesIO(backup), mode="r:gz") as archive:
        for entry in archive:
            members[entry.name] = archive.extractfile(entry).read()
    change(members)
    if parts.MANIFEST in members:
        members[parts.MANIFEST] = members.pop(parts.MANIFEST)  # the last
    output = io.BytesIO()
    with tarfile.open(fileobj=output, mode="w:gz") as archive:
        for name, content in members.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            archive.addfile(entry, io.BytesIO(content))
    return output.getvalue()


# --- what was backed up comes back --------------------------------------------------------


@pairs
def test_what_is_restored_is_what_was_backed_up(place, here, there):
    first, second = place(here), place(there)
    known = first.fill()
    first.rows(tables.enrollments, **enrollment("box-1"))
    found = second.restore(first.backup())
    assert (found.nodes, found.workloads) == (2, 1)
    assert found.manifest.made_at == "2026-09-21T14:13:20Z"
    assert found.manifest.hub == "0a1b2c3d"
    same(second.known(), known)
    assert second.all_rows() == first.all_rows()
    for name in ("order-key", "secret-key"):
        assert (second.data / name).read_bytes() == (first.data / name).read_bytes()
        assert (second.data / name).stat().st_mode & 0o777 == 0o600
    assert not (second.data / RESTORING).exists()
    assert not (second.data / ".restore").exists()


@pairs
def test_a_number_that_was_given_out_never_comes_again(place, here, there):
    first, second = place(here), place(there)
    first.fill()
    store = open_store(first.url)
    known = store.load()
    queued = commit(store, known, lambda draft: draft.outbox.extend([say("a"), say("b")]))
    store.published([one.seq for one in queued])
    store.close()
    second.restore(first.backup())
    store = open_store(second.url)
    (again,) = commit(store, store.load(), lambda draft: draft.outbox.append(say("c")))
    store.close()
    assert again.seq > queued[-1].seq


@kinds
def test_a_hub_that_has_written_nothing_yet_can_be_backed_up_and_restored(place, kind):
    first, second = place(kind), place(kind)
    first.fill(lambda draft: None)
    second.restore(first.backup())
    same(second.known(), Known())


@kinds
def test_a_backup_is_of_one_moment_whatever_is_written_meanwhile(place, kind):
    # Each commit makes a workload and an event; a backup must not have one without the other.
    first, second = place(kind), place("sqlite")
    first.fill(lambda draft: None)
    writer = subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(WRITER), first.url], stdout=subprocess.PIPE
    )
    try:
        assert writer.stdout.readline()
        for _ in range(5):
            second.restore(first.backup(), force=True)
            rows = second.all_rows()
            assert {row[0] for row in rows["workloads"]} == {row[3] for row in rows["events"]}
    finally:
        writer.send_signal(signal.SIGKILL)
        writer.wait()
        writer.stdout.close()
    assert len(rows["workloads"]) > 1, "it wrote meanwhile"


WRITER = """
    import itertools, sys
    from tests.hub.records import kept
    from tests.hub.store_contents import commit, told
    from skerry_hub.store_opening import open_store

    store = open_store(sys.argv[1])
    known = store.load()
    for number in itertools.count():
        name = f"w-{number}"
        def change(draft):
            draft.workloads.put(name, kept(name))
            draft.events.append(told(name, workload=name))
        commit(store, known, change)
        if number == 1:
            print("ready", flush=True)
"""


# --- what is not taken --------------------------------------------------------------------


def test_a_folder_without_a_hub_is_not_backed_up_and_nothing_is_made_there(place):
    there = place("sqlite")
    there.data.mkdir()
    with pytest.raises(BackupError, match="has no hub"):
        there.backup()
    assert list(there.data.iterdir()) == []


@kinds
def test_a_database_of_another_version_is_not_backed_up(place, kind):
    there = place(kind)
    there.fill()
    engine, _ = engine_at(there.url)
    with engine.begin() as connection:
        connection.execute(sa.text("UPDATE alembic_version SET version_num = '0001'"))
    engine.dispose()
    with pytest.raises(BackupError, match="of version 0001"):
        there.backup()


def test_a_backup_that_was_cut_off_anywhere_changes_nothing(place):
    first, second = place("sqlite"), place("sqlite")
    first.fill()
    second.fill()
    before, backup = second.files(), first.backup()
    for length in {0, 1, 100, *range(0, len(backup) - 100, len(backup) // 40)}:
        with pytest.raises(BackupError):
            second.restore(backup[:length], force=True)
    assert second.files() == before
    second.known()


def test_a_backup_of_which_any_byte_was_changed_is_refused_or_the_same(place):
    first, second = place("sqlite"), place("sqlite")
    first.fill()
    backup = first.backup()
    whole = {}
    altered(backup, whole.update)
    for name, content in whole.items():
        for at in {0, len(content) // 2, len(content) - 1}:

            def flip(members, name=name, at=at, content=content):
                changed = bytearray(content)
                changed[at] ^= 1
                members[name] = bytes(changed)

            try:
                second.restore(altered(backup, flip))
            except BackupError:
                assert second.files() == {}
                continue
            # Of the manifest some words are for people alone.
            assert name == parts.MANIFEST
            assert second.all_rows() == first.all_rows()
            second = place("sqlite")


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda found: found.pop("tables/nodes"), "tables/nodes is missing"),
        (lambda found: found.pop("manifest.json"), "its end is missing"),
        (lambda found: found.update({"files/../x": b""}), "which no backup has"),
        (lambda found: found.update({"manifest.json": b"{}"}), "no backup of a hub"),
        (lambda found: found.update({"manifest.json": b"x"}), "no JSON"),
        (lambda found: found.update({"files/hub.toml": b""}), "which no backup has"),
    ],
)
def test_what_is_wrong_with_a_backup_is_said(place, change, says):
    first, second = place("sqlite"), place("sqlite")
    first.fill()
    with pytest.raises(BackupError, match=says):
        second.restore(altered(first.backup(), change))
    assert second.files() == {}


def test_a_backup_of_a_later_version_is_refused(place):
    first, second = place("sqlite"), place("sqlite")
    first.fill()

    def later(members):
        found = json.loads(members["manifest.json"])
        members["manifest.json"] = json.dumps({**found, "schema": "9999"}).encode()

    with pytest.raises(BackupError, match="of a later version"):
        second.restore(altered(first.backup(), later))


@pairs
def test_a_target_in_which_a_hub_is_is_refused_and_stays_as_it_is(place, here, there):
    first, second = place(here), place(there)
    first.fill()
    second.fill(lambda draft: draft.nodes.put("box-9", node("box-9")))
    before, rows = second.files(), second.all_rows()
    with pytest.raises(BackupError, match="there is a hub already"):
        second.restore(first.backup())
    assert second.files() == before
    assert second.all_rows() == rows


def test_a_database_in_use_by_a_hub_is_refused_although_the_folder_is_empty(place):
    first, second = place("postgresql"), place("postgresql")
    first.fill()
    backup = first.backup()
    with pytest.raises(BackupError, match="the database has a hub's tables"):
        restoring.restore(
            io.BytesIO(backup), second.data, first.url, force=False, access_too=False, now=LATER
        )
    with pytest.raises(BackupError, match="whose keys are not in the data folder"):
        restoring.restore(
            io.BytesIO(backup), second.data, first.url, force=True, access_too=False, now=LATER
        )


@kinds
def test_while_a_hub_runs_nothing_is_restored(place, kind):
    there = place(kind)
    there.fill()
    backup = there.backup()
    hub = subprocess.Popen([sys.executable, "-c", HOLDER, str(there.data)], stdout=subprocess.PIPE)
    try:
        assert hub.stdout.readline()
        with pytest.raises(OSError, match="another hub is using"):
            there.restore(backup, force=True)
    finally:
        hub.kill()
        hub.wait()
        hub.stdout.close()
    if kind == "postgresql":
        store = open_store(there.url)
        try:
            with pytest.raises(StoreError, match="another hub is using the database"):
                there.restore(backup, force=True)
        finally:
            store.close()


HOLDER = """
import pathlib, sys, time
from skerry_hub.data_folder import claim
claim(pathlib.Path(sys.argv[1]))
print("held", flush=True)
time.sleep(60)
"""


# --- over what is there -------------------------------------------------------------------


@pairs
def test_by_force_what_was_there_is_put_aside_and_can_be_had_again(place, here, there):
    first, second = place(here), place(there)
    first.fill()
    old = second.fill(lambda draft: draft.nodes.put("box-9", node("box-9")))
    key = (second.data / "order-key").read_bytes()
    found = second.restore(first.backup(), force=True)
    assert second.all_rows() == first.all_rows()
    assert found.aside.stat().st_mode & 0o777 == 0o700
    assert (found.aside / "order-key").read_bytes() == key
    if there == "postgresql":
        saved = (found.aside / placing.SAVED).read_bytes()
        second.restore(saved, force=True)
        same(second.known(), old)
    else:
        assert (found.aside / "hub.db").exists()


@pairs
def test_going_back_lets_nobody_in_who_was_shut_out_since(place, here, there):
    before, now = place(here), place(there)
    before.fill()
    (before.data / CA).write_bytes(authority.fresh(NOW))
    before.rows(tables.enrollments, **enrollment("box-1"))
    old = before.backup()
    now.restore(old)
    # Since then: one was shut out, one joined, the order key was changed, a workload came.
    engine, _ = engine_at(now.url)
    with engine.begin() as connection:
        connection.execute(sa.update(tables.enrollments).values(revoked_at=NOW + 9))
        connection.execute(sa.insert(tables.enrollments).values(enrollment("box-2")))
    engine.dispose()
    (now.data / "order-key").unlink()
    key = keys.load_or_make(now.data)
    store = open_store(now.url)
    commit(store, store.load(), lambda draft: draft.workloads.put("new", kept("new")))
    store.set_setting("order_keys", "newer")
    store.close()

    found = now.restore(old, force=True)
    assert found.kept == ("who joined, who may ask, and the audit log", "order-key")
    assert "new" not in now.known().workloads
    assert sorted((row[0], row[3]) for row in now.all_rows()["enrollments"]) == [
        ("box-1", NOW + 9),
        ("box-2", None),
    ]
    assert keys.load_or_make(now.data).id == key.id
    assert setting(now, "order_keys") == "newer"

    found = now.restore(old, force=True, access_too=True)
    assert found.kept == ()
    assert [(row[0], row[3]) for row in now.all_rows()["enrollments"]] == [("box-1", None)]
    assert keys.load_or_make(now.data).id != key.id
    assert setting(now, "order_keys") is None


def test_of_another_hub_nothing_is_kept(place):
    first, second = place("sqlite"), place("sqlite")
    first.fill()
    (first.data / CA).write_bytes(authority.fresh(NOW))
    second.fill()
    second.rows(tables.enrollments, **enrollment("box-9"))
    assert second.restore(first.backup(), force=True).kept == ()
    assert second.all_rows()["enrollments"] == []


@kinds
def test_a_newer_list_of_revoked_certificates_shuts_out_whom_the_backup_let_in(place, kind):
    first, second = place("sqlite"), place(kind)
    first.fill()
    mine = authority.load_or_make(first.data, NOW)
    for number, name in enumerate(("box-1", "box-2"), 0xA1):
        first.rows(tables.enrollments, **enrollment(name))
        first.rows(
            tables.certificates, serial=f"{number:x}", node=name,
            key_digest=name.ljust(64, "0"), issued_at=NOW, expires_at=NOW + 9e6, certificate="x",
        )  # fmt: skip
    newer = crl.make(mine, [(0xA2, NOW + 5), (0xFF, NOW + 6)], NOW + 7)
    other = crl.make(authority.read(authority.fresh(NOW), "other"), [(0xA1, NOW)], NOW)
    backup = first.backup()
    with pytest.raises(BackupError, match="another hub's"):
        second.restore(backup, crl=other)
    assert second.restore(backup, crl=newer).revoked == 2
    rows = second.all_rows()
    assert [(row[0], row[3]) for row in rows["enrollments"]] == [
        ("box-1", None), ("box-2", NOW + 5),
    ]  # fmt: skip
    store = open_store(second.url)
    with store.aside() as connection:
        listed = dict(EnrollmentRows(connection).revoked())
        assert [one.serial for one in EnrollmentRows(connection).certificates("box-2")] == ["a2"]
    store.close()
    assert listed == {0xA2: NOW + 5, 0xFF: NOW + 6}


# --- killed in the middle -----------------------------------------------------------------


@kinds
def test_a_restore_that_is_killed_anywhere_leaves_the_old_or_the_new_or_no_hub_starts(place, kind):
    first, second = place("sqlite"), place(kind)
    first.fill()
    backup = first.backup()
    second.fill(lambda draft: draft.nodes.put("box-9", node("box-9")))
    (second.data / "crl.pem").write_text("old")
    old_rows, new_rows = second.all_rows(), first.all_rows()
    seen = set()
    for number in range(100):
        next(_numbers)
        child = os.fork()
        if child == 0:
            killed_after(number, second, backup)
        _, status = os.waitpid(child, 0)
        if status == 0:
            break
        assert os.waitstatus_to_exitcode(status) == -signal.SIGKILL
        try:
            os.close(claim_whole(second.data))
        except OSError:
            assert (second.data / RESTORING).exists()
            seen.add("no hub starts")
            continue
        rows = second.all_rows()
        assert rows in (old_rows, new_rows)
        new = rows == new_rows
        seen.add("new" if new else "old")
        same_key = (second.data / "order-key").read_bytes() == (
            first.data / "order-key"
        ).read_bytes()
        assert same_key == new
        assert (second.data / "crl.pem").exists() != new
    else:
        pytest.fail("it never came to its end")
    assert second.all_rows() == new_rows
    assert not (second.data / RESTORING).exists()
    assert seen >= {"old", "no hub starts"}


def killed_after(number, target, backup):
    """Restore in this process, which is killed at a change of the folder itself; then end it."""
    left = number

    def count(event, arguments):
        nonlocal left
        place = str(arguments[0]) if event in ("os.rename", "os.remove", "os.mkdir", "open") else ""
        if os.path.dirname(place) not in (str(target.data), f"{target.data}/.restore/files"):
            return
        if event == "open" and not place.endswith(RESTORING):
            return
        left -= 1
        if left < 0:
            os.kill(os.getpid(), signal.SIGKILL)

    sys.addaudithook(count)
    try:
        target.restore(backup, force=True, access_too=True)
        os._exit(0)
    finally:
        traceback.print_exc()
        os._exit(1)
