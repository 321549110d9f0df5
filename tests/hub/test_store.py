"""The store's contract, on SQLite and on a real PostgreSQL: the same tests for both."""

import dataclasses
import queue
import signal
import subprocess
import sys
import textwrap
import threading

import alembic.autogenerate
import alembic.migration
import pytest
import sqlalchemy as sa
from tests.hub.records import (
    NOW,
    assignment,
    capability,
    changed,
    kept,
    node,
    presence,
    report,
    status,
    workload,
)
from tests.hub.store_contents import (
    CLOUD,
    EU,
    ISSUED,
    OLDER,
    commit,
    delete,
    everything,
    put,
    revision,
    rollout,
    same,
    say,
    told,
    waiting,
)

from skerry_hub import store_rows, tables
from skerry_hub.approval_records import KeptApproval, KeptApprovals
from skerry_hub.documents import Policy
from skerry_hub.retention import REVISIONS_KEPT
from skerry_hub.secret_records import Secret, SecretVersion
from skerry_hub.state import Draft, Known
from skerry_hub.store_error import StoreError
from skerry_hub.store_opening import open_store, wait_for_server


@pytest.fixture
def store(database):
    store = open_store(database)
    yield store
    store.close()


# --- what is committed is there -----------------------------------------------------------


def test_an_empty_database_knows_nothing(store):
    same(store.load(), Known())
    assert store.outbox() == []
    assert store.outbox_count() == 0
    assert store.events() == ()


def test_everything_comes_back_as_it_was(store):
    known = Known()
    commit(store, known, everything)
    same(store.load(), known)


def test_a_change_replaces_and_a_removal_removes(store):
    known = Known()
    commit(store, known, everything)

    def change(draft):
        draft.nodes.put("box-1", node(presence=presence(online=False, seq=9)))
        draft.nodes.remove("box-2")
        draft.workloads.put("shop-web", kept(image="localhost/web:2"))
        draft.assignments.remove("shop-web-1")
        draft.assignments.put("shop-web-2", assignment("shop-web-2", "box-9"))
        draft.orders.remove("box-1")

    commit(store, known, change)
    same(store.load(), known)


def test_only_the_large_part_that_has_changed_is_written(store):
    known = Known()
    commit(store, known, everything)
    before = known.nodes["box-1"]
    other = node(presence=before.presence, capability=before.capability, report=report(seq=99))
    values = store_rows.node_values(other, before)
    assert set(values) == {"record", "report"}
    commit(store, known, lambda draft: draft.nodes.put("box-1", other))
    same(store.load(), known)


def test_more_rows_than_a_statement_takes_are_written_and_removed(store):
    known = Known()
    ids = [f"shop-web-{number}" for number in range(1201)]

    def add(draft):
        for key in ids:
            draft.assignments.put(key, assignment(key))
            draft.outbox.append(say(f"topic/{key}"))
            draft.events.append(told(key))

    queued = commit(store, known, add)
    assert len(store.load().assignments) == len(ids)
    assert len(store.seen_events([*ids, "none"])) == len(ids)

    def remove(draft):
        for key in ids:
            draft.assignments.remove(key)

    commit(store, known, remove)
    store.published([one.seq for one in queued])
    assert store.load().assignments == {}
    assert store.outbox() == []


def test_a_draft_is_taken_whole_or_not_at_all(store):
    known = Known()
    commit(store, known, everything)

    def change(draft):
        draft.nodes.put("box-3", node("box-3"))
        draft.workloads.put("tool-x", kept("tool-x"))
        draft.assignments.remove("shop-web-0")
        draft.events.append(told("e-1"))
        draft.outbox.append(say("topic/a"))
        # The table takes no topic of nothing.
        draft.outbox.append(say(None, retain=False))

    draft = Draft(known)
    change(draft)
    with pytest.raises(sa.exc.IntegrityError):
        store.commit(draft, known)
    same(store.load(), known)
    assert store.events() == ()
    assert store.outbox() == []


def test_what_was_committed_is_there_for_the_next_process(store, database):
    known = Known()
    commit(store, known, everything)
    store.close()
    again = open_store(database)
    same(again.load(), known)
    again.close()


# --- documents ----------------------------------------------------------------------------


def test_a_document_has_its_newest_content_and_every_version_stays(store):
    known = Known()
    dearer = changed(CLOUD, cpu_hour=0.05)
    same_name = Policy(name="cloud")
    commit(store, known, lambda draft: [put(draft, EU), put(draft, CLOUD), put(draft, same_name)])
    commit(store, known, lambda draft: put(draft, dearer, 2, created_at=NOW, updated_at=NOW + 5))
    same(store.load(), known)
    found = store.load().documents["Prices", "cloud"]
    assert (found.document, found.version) == (dearer, 2)
    assert (found.created_at, found.updated_at) == (NOW, NOW + 5)
    history = store.document_history(("Prices", "cloud"), 10)
    assert [(one.version, one.document, one.at, one.who) for one in history] == [
        (2, dearer, NOW + 5, "ann"),
        (1, CLOUD, NOW, "ann"),
    ]
    assert [one.version for one in store.document_history(("Prices", "cloud"), 1)] == [2]
    assert [one.version for one in store.document_history(("Policy", "cloud"), 10)] == [1]
    assert store.document_history(("Policy", "none"), 10) == ()


def test_what_was_deleted_is_gone_but_for_its_history_and_its_number(store):
    known = Known()
    namesake = changed(CLOUD, name="eu")
    commit(store, known, lambda draft: [put(draft, EU), put(draft, namesake)])
    commit(store, known, lambda draft: delete(draft, EU, 2))
    found = store.load()
    same(found, known)
    assert list(found.documents) == [("Prices", "eu")]
    assert found.document_versions == {("Policy", "eu"): 2, ("Prices", "eu"): 1}
    last, first = store.document_history(("Policy", "eu"), 10)
    assert (last.action, last.at, last.who, last.document) == ("delete", NOW + 9, "", EU)
    assert first.action == "put"
    commit(store, known, lambda draft: put(draft, EU, 3))
    same(store.load(), known)


def test_two_changes_of_one_document_in_one_transaction_are_two_versions(store):
    known = Known()

    def change(draft):
        put(draft, EU)
        delete(draft, EU, 2)
        put(draft, EU, 3)

    commit(store, known, change)
    same(store.load(), known)
    assert [one.version for one in store.document_history(("Policy", "eu"), 10)] == [3, 2, 1]


def test_a_version_is_never_written_again(store):
    known = Known()
    commit(store, known, lambda draft: put(draft, EU))
    draft = Draft(known)
    put(draft, changed(EU, selector="a=b"))
    with pytest.raises(sa.exc.IntegrityError):
        store.commit(draft, known)
    same(store.load(), known)


# --- the outbox ---------------------------------------------------------------------------


def test_the_outbox_keeps_its_order_and_what_it_was_given(store):
    known = Known()
    sent = [
        say("b", b"\x00\xff"),
        say("a", b"", retain=True),
        say("c", b"3", retain=False, expiry_s=60),
    ]
    queued = commit(store, known, lambda draft: draft.outbox.extend(sent))
    assert [one.publication for one in queued] == sent
    assert store.outbox() == queued
    assert store.outbox_count() == 3
    store.published([queued[1].seq])
    assert [one.publication for one in store.outbox()] == [sent[0], sent[2]]
    store.published([])
    store.published([queued[1].seq, 10**6])
    assert store.outbox_count() == 2


def test_only_the_newest_of_a_retained_topic_waits(store):
    known = Known()
    for number in range(5):
        commit(store, known, lambda draft, n=number: draft.outbox.append(say("t", b"%d" % n)))
        event = say("t", b"event", retain=False)
        commit(store, known, lambda draft, one=event: draft.outbox.append(one))
    waiting = [one.publication.payload for one in store.outbox()]
    assert waiting == [b"event"] * 4 + [b"4", b"event"]


def test_a_number_never_comes_again(store):
    # A second acknowledgement of an old publication must not take a new one out of the outbox.
    known, numbers = Known(), []
    for _ in range(4):
        (queued,) = commit(store, known, lambda draft: draft.outbox.append(say("t")))
        numbers.append(queued.seq)
        store.published([queued.seq])
    assert numbers == sorted(set(numbers))
    assert len(numbers) == 4


# --- events -------------------------------------------------------------------------------


def test_an_event_is_kept_once(store):
    known = Known()
    commit(store, known, lambda draft: draft.events.extend([told("e-1"), told("e-2")]))
    commit(
        store, known, lambda draft: draft.events.extend([told("e-2", node="box-2"), told("e-3")])
    )
    assert [one.id for one in store.events()] == ["e-1", "e-2", "e-3"]
    assert {one.node for one in store.events()} == {"box-1"}
    assert store.seen_events(["e-1", "e-9"]) == {"e-1"}
    assert store.seen_events([]) == set()


def test_events_are_found_by_node_and_workload_the_newest_of_them_oldest_first(store):
    known = Known()
    events = [
        told(f"e-{number}", f"box-{number % 2}", "shop-web" if number % 3 else "")
        for number in range(10)
    ]
    commit(store, known, lambda draft: draft.events.extend(events))
    assert store.events() == tuple(events)
    assert [one.id for one in store.events(limit=2)] == ["e-8", "e-9"]
    assert [one.id for one in store.events(node="box-1", limit=2)] == ["e-7", "e-9"]
    assert [one.id for one in store.events(workload="shop-web", node="box-0")] == [
        "e-2", "e-4", "e-8",
    ]  # fmt: skip
    assert store.events(node="ghost") == ()


def test_an_event_that_came_late_stands_where_it_happened(store):
    events = [told("e-1", at=10.0), told("e-2", at=30.0), told("e-3", at=20.0)]
    commit(store, Known(), lambda draft: draft.events.extend(events))
    assert [one.id for one in store.events()] == ["e-1", "e-3", "e-2"]
    assert [one.id for one in store.events(node="box-1", limit=1)] == ["e-2"]


def test_old_events_are_trimmed_and_the_newest_kept(store):
    known = Known()
    commit(store, known, lambda draft: draft.events.extend(told(f"e-{n}") for n in range(20)))
    store.trim_events(most=5)
    assert [one.id for one in store.events()] == [f"e-{n}" for n in range(15, 20)]
    store.trim_events(most=5)
    assert len(store.events()) == 5


# --- settings, migrations, damage ---------------------------------------------------------


def test_a_setting_is_what_it_was_at_first(store):
    assert store.setting("id", "first") == "first"
    assert store.setting("id", "second") == "first"
    for value in ("third", "fourth"):
        store.set_setting("id", value)
        assert store.setting("id", "second") == value
    store.set_setting("another", "value")
    assert store.setting("another", "") == "value"


def test_approvals_are_kept_replaced_and_taken_away(store):
    known = Known()

    def approvals(*keys):
        given = (KeptApproval(key_id=key * 16, at=1.0, envelope=b"signed") for key in keys)
        return KeptApprovals(workload="shop-web", digest="a" * 64, approvals=tuple(given))

    for wanted in (approvals("1"), approvals("1", "2"), None):
        key = "shop-web/" + "a" * 64
        commit(
            store,
            known,
            lambda draft, key=key, wanted=wanted: (
                draft.approvals.put(key, wanted)
                if wanted is not None
                else draft.approvals.remove(key)
            ),
        )
        assert store.load().approvals == ({} if wanted is None else {key: wanted})


def test_the_migrations_make_the_tables_that_the_code_says(store):
    with store._engine.connect() as connection:
        context = alembic.migration.MigrationContext.configure(
            connection, opts={"compare_type": True}
        )
        assert alembic.autogenerate.compare_metadata(context, tables.metadata) == []


def test_opening_again_changes_nothing(store, database):
    commit(store, Known(), everything)
    store.close()
    for _ in range(2):
        again = open_store(database)
        assert len(again.load().nodes) == 2
        again.close()


def test_a_database_of_a_later_version_is_refused_in_words(store, database):
    with store._engine.begin() as connection:
        connection.execute(sa.text("UPDATE alembic_version SET version_num = '9999'"))
    store.close()
    with pytest.raises(StoreError, match="another version"):
        open_store(database)


@pytest.mark.parametrize(
    ("table", "column", "names"),
    [
        ("nodes", "record", "record of node box-1"),
        ("nodes", "capability", "capability of node box-1"),
        ("workloads", "content", "workload shop-web"),
        ("assignments", "content", "assignment shop-web-0"),
        ("orders", "content", "order of box-1"),
        ("documents", "content", "Policy eu"),
    ],
)
def test_a_damaged_record_is_named(store, table, column, names):
    def change(draft):
        draft.nodes.put("box-1", node())
        draft.workloads.put("shop-web", kept())
        draft.assignments.put("shop-web-0", assignment())
        draft.orders.put("box-1", ISSUED)
        put(draft, EU)

    commit(store, Known(), change)
    with store._engine.begin() as connection:
        connection.execute(
            sa.update(tables.metadata.tables[table]).values({column: b"\x93damaged"})
        )
    with pytest.raises(StoreError, match=names):
        store.load()


def test_a_document_of_a_kind_that_this_version_does_not_know_is_named(store):
    commit(store, Known(), lambda draft: put(draft, EU))
    with store._engine.begin() as connection:
        connection.execute(sa.update(tables.documents).values(kind="Later"))
    with pytest.raises(StoreError, match="Later eu in the database is of no known kind"):
        store.load()


def test_a_damaged_version_is_named(store):
    commit(store, Known(), lambda draft: put(draft, EU))
    with store._engine.begin() as connection:
        connection.execute(sa.update(tables.document_history).values(content=b"\x93damaged"))
    with pytest.raises(StoreError, match="version 1 of Policy eu"):
        store.document_history(("Policy", "eu"), 5)


def test_a_database_of_the_first_version_is_brought_up_to_date(store, database):
    known = Known()
    commit(store, known, lambda draft: draft.workloads.put("shop-web", kept()))
    events = [told("e-2", at=2.5), told("e-1", at=1.5), told("e-3", at=3.5)]
    commit(store, known, lambda draft: draft.events.extend(events))
    with store._engine.begin() as connection:
        for index in tables.events.indexes:
            index.drop(connection)
        connection.execute(sa.text("ALTER TABLE events DROP COLUMN at"))
        for column in ("node", "workload"):
            index = f"CREATE INDEX events_by_{column} ON events ({column}, seq)"
            connection.execute(sa.text(index))
        for table in (
            tables.documents,
            tables.document_history,
            tables.decisions,
            tables.decision_workloads,
            tables.fleet_log,
            tables.fleet_blobs,
            tables.vacating,
            tables.secrets,
            tables.revisions,
            tables.rollouts,
            tables.rollout_instances,
            tables.enrollments,
            tables.certificates,
            tables.join_tokens,
            tables.api_tokens,
            tables.audit,
            tables.approvals,
        ):
            table.drop(connection)
        connection.execute(sa.text("UPDATE alembic_version SET version_num = '0001'"))
    store.close()
    again = open_store(database)
    known.updates.numbers["shop-web"] = 1  # what it was is its first revision
    same(again.load(), known)
    assert [one.content for one in again.revisions("shop-web")] == [workload()]
    assert [one.id for one in again.events()] == ["e-1", "e-2", "e-3"], "by when they happened"
    commit(again, known, lambda draft: put(draft, EU))
    same(again.load(), known)
    again.close()


def test_secrets_come_back_as_they_were_kept_and_go(store):
    known = store.load()
    assert known.secrets == {}
    version = SecretVersion(id="0a" * 8, at=NOW, size_bytes=3, locked=b"\x00\xff locked")
    secret = Secret(name="db", created_at=NOW, versions=(version,))
    commit(store, known, lambda draft: draft.secrets.put("db", secret))
    assert store.load().secrets == known.secrets == {"db": secret}
    more = dataclasses.replace(secret, versions=(version, version))
    commit(store, known, lambda draft: draft.secrets.put("db", more))
    assert store.load().secrets == {"db": more}
    commit(store, known, lambda draft: draft.secrets.remove("db"))
    assert store.load().secrets == known.secrets == {}


def test_a_history_keeps_the_newest_and_what_an_instance_has_or_a_rollout_goes_back_to(store):
    known = Known()

    def many(draft):
        draft.workloads.put("shop-web", kept())
        for number in range(1, 4):
            draft.updates.record(revision(number, f"localhost/web:{number}"))
        draft.updates.contents.put(("shop-web", 2), workload(image="localhost/web:2"))
        draft.updates.members.put("shop-web-0", waiting(number=2))
        draft.updates.rollouts.put("shop-web", rollout(stable=1))

    commit(store, known, many)
    newest = REVISIONS_KEPT + 5
    commit(store, known, lambda draft: draft.updates.record(revision(newest)))
    assert [one.number for one in store.revisions("shop-web")] == [newest, 2, 1]
    assert store.revision("shop-web", 2).content.containers[0].image == "localhost/web:2"
    assert store.revision("shop-web", 3) is None
    same(store.load(), known)

    commit(store, known, lambda draft: draft.updates.end("shop-web"))
    commit(store, known, lambda draft: draft.updates.record(revision(newest + 1)))
    assert [one.number for one in store.revisions("shop-web")] == [newest + 1, newest]
    same(store.load(), known)


def test_the_images_of_revisions_that_boxes_still_run_are_read_with_the_rest(store):
    known, older = Known(), workload(image="localhost/web:2")
    told = report(instances=(status(revision=older.revision), status("shop-web-1", revision=OLDER)))

    def many(draft):
        for number in range(1, 4):
            draft.updates.record(revision(number, f"localhost/web:{number}"))
        draft.workloads.put("shop-web", kept(image="localhost/web:3"))
        draft.nodes.put("box-1", node(report=told))

    commit(store, known, many)
    assert store.load().updates.images == {"shop-web": {older.revision: "localhost/web:2"}}


def test_as_many_revisions_are_kept_as_the_hub_is_told_to(tmp_path):
    store = open_store(f"sqlite:///{tmp_path / 'few.db'}", keep_revisions=2)
    known = Known()
    for number in range(1, 5):
        commit(store, known, lambda draft, number=number: draft.updates.record(revision(number)))
    assert [one.number for one in store.revisions("shop-web")] == [4, 3]
    store.close()


def test_a_workload_that_is_deleted_has_no_history(store):
    known = Known()
    commit(store, known, everything)
    commit(store, known, lambda draft: draft.updates.forget("shop-web"))
    assert store.revisions("shop-web") == []
    assert store.load().updates.rollouts == {}
    same(store.load(), known)


def test_a_damaged_event_is_said_too(store):
    commit(store, Known(), lambda draft: draft.events.append(told("e-1")))
    with store._engine.begin() as connection:
        connection.execute(sa.update(tables.events).values(content=b"\xc1"))
    with pytest.raises(StoreError, match="event"):
        store.events()


def test_a_database_that_is_gone_is_an_error_in_words(store):
    tables.metadata.drop_all(store._engine)
    for ask in (store.load, store.events, store.outbox_count, lambda: store.setting("a", "b")):
        with pytest.raises(StoreError, match="cannot be used"):
            ask()


def test_an_error_repeats_no_value(store):
    draft = Draft(Known())
    draft.outbox.append(say(None, b"geheim", retain=False))
    with pytest.raises(sa.exc.IntegrityError) as raised:
        store.commit(draft, Known())
    assert "geheim" not in str(raised.value)


# --- URLs ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://u:geheim@127.0.0.1:1/x",
        "postgres://u:geheim@127.0.0.1:1/x?password=geheim2",
        "postgresql://u:geheim@127.0.0.1:port/x",
        "postgresql//u:geheim@127.0.0.1/x",
        "postgresql+nodriver://u:geheim@127.0.0.1/x",
        "mysql://u:geheim@127.0.0.1/x",
        "sqlite:////nowhere/at/all/hub.db",
        "u:geheim@h",
        "",
    ],
)
def test_a_database_that_cannot_be_opened_is_said_without_its_password(url):
    with pytest.raises(StoreError) as raised:
        open_store(url)
    text = str(raised.value)
    assert "cannot be used" in text
    assert "geheim" not in text
    assert "\n" not in text


def test_a_server_that_starts_at_the_same_time_is_waited_for(server):
    url, told = server.make("late"), queue.Queue()
    server.stop()
    try:
        waiting = threading.Thread(target=wait_for_server, args=(url, 60, told.put))
        waiting.start()
        assert "late cannot be used" in told.get(timeout=30)
        assert waiting.is_alive()
    finally:
        server.start()
    waiting.join(30)
    assert not waiting.is_alive()
    open_store(url).close()


def test_a_server_that_does_not_come_is_left_to_whoever_uses_it():
    told = []
    wait_for_server("postgresql://u:geheim@127.0.0.1:1/x", 0, told.append)
    assert told == []
    wait_for_server("sqlite:////nowhere/at/all/hub.db", 60, told.append)
    assert told == []


def test_a_file_that_is_no_database_is_said(tmp_path):
    (tmp_path / "hub.db").write_bytes(b"this is no database at all, but long enough" * 100)
    with pytest.raises(StoreError, match="not a database"):
        open_store(f"sqlite:///{tmp_path / 'hub.db'}")


def test_a_server_takes_one_hub_a_database(server):
    url = server.make("claimed")
    first = open_store(url)
    with pytest.raises(StoreError, match="another hub"):
        open_store(url, claim_s=0)
    other = open_store(server.make("unclaimed"))
    other.close()
    first.close()
    open_store(url).close()


# --- killed -------------------------------------------------------------------------------

WRITER = """
import sys
sys.path.insert(0, {root!r})
from skerry_hub.state import Draft, Publication
from skerry_hub.store_opening import open_store
from tests.hub.records import kept

store = open_store({url!r})
known = store.load()
number = len(known.workloads)
while True:
    draft = Draft(known)
    draft.workloads.put(f"shop-{{number}}", kept(f"shop-{{number}}"))
    draft.outbox.append(Publication(topic=f"topic/{{number}}", payload=b"x"))
    store.commit(draft, known)
    known.settle(draft)
    print(number, flush=True)
    number += 1
"""


def test_no_commit_that_was_acknowledged_is_lost_when_its_writer_is_killed(tmp_path, pytestconfig):
    url = f"sqlite:///{tmp_path / 'hub.db'}"
    code = textwrap.dedent(WRITER).format(root=str(pytestconfig.rootpath), url=url)
    acknowledged = -1
    for lines in (1, 7, 20):
        writer = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
        for _ in range(lines):
            acknowledged = int(writer.stdout.readline())
        writer.send_signal(signal.SIGKILL)
        rest, _ = writer.communicate()
        acknowledged = max([acknowledged, *map(int, rest.splitlines())])
        store = open_store(url)
        names, waiting = set(store.load().workloads), store.outbox_count()
        store.close()
        assert {f"shop-{number}" for number in range(acknowledged + 1)} <= names
        assert waiting == len(names), "workload and publication are one transaction"
    assert acknowledged >= 27


def test_what_a_person_sees_of_capability_is_not_shared(store):
    # Two nodes with equal hardware are two records: writing one must not write the other.
    known = Known()
    hardware = capability()
    commit(
        store,
        known,
        lambda draft: [draft.nodes.put(n, node(n, capability=hardware)) for n in ("a", "b")],
    )
    commit(store, known, lambda draft: draft.nodes.put("a", node("a", capability=None)))
    found = store.load()
    assert (found.nodes["a"].capability, found.nodes["b"].capability) == (None, hardware)
