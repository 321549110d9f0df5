"""Requests about instances through the socket, with a runtime in memory."""

import threading
import time
import typing

import pytest
from tests.executor.client import Client, asked
from tests.executor.fake_runtime import FakeRuntime
from tests.executor.orders import IMAGE, INCARNATION, NODE, instance, order, requested, signed
from tests.executor.sessions import FarEnd, sealed_to
from tests.executor.test_serve import POLICY, Box

from lab.processes import wait_for
from skerry_executor import state
from skerry_executor.runtimes.base import Failure, RuntimeFailure, Written
from skerry_executor.sealing import load_or_make
from skerry_wire import codec, local
from skerry_wire.lifecycle import Usage, Usages
from skerry_wire.local import ExecutorInput, Restarted
from skerry_wire.messages import InstanceRequest, Terminal
from skerry_wire.session import SessionOutput

EXEC = POLICY + "[requests]\nexec = true\n"
KEY = b"k" * 32
"""What answers are sealed with."""


class Speaking(FakeRuntime):
    """Has logs, programs and usage."""

    def __init__(self):
        super().__init__(images=[IMAGE])
        self.following = threading.Event()
        self.ended = threading.Event()
        self.spent_s = 0.0

    def logs(self, reference, wish, cancel):
        self._call("logs", (self.container(reference).name, wish))
        yield Written("out", b"one\n")
        yield Written("err", b"two\n")
        if wish.follow:
            woken = threading.Event()
            try:
                with cancel.waking(woken.set):
                    self.following.set()
                    woken.wait(30)
            finally:
                self.ended.set()

    def execute(self, reference, program, cancel, told):
        self._call("execute", (self.container(reference).name, program.command))
        program.noted("token")
        for one in program.input:
            told(Written("out", repr(one).encode() if isinstance(one, Terminal) else one))
        told(Written("err", b"hm"))
        return 7

    def usage(self, reference):
        self._call("usage", reference)
        self.spent_s += 0.5
        return Usage(container="x", cpu_s=self.spent_s, memory_bytes=2**20)


@pytest.fixture
def box(tmp_path):
    box = Box(tmp_path)
    box.runtime = Speaking()
    asked(box.path, signed(order(instance())))
    yield box
    box.end()


def challenge(box):
    client = Client(box.path).ask(challenge="request")
    reply = client.until(lambda reply: reply.kind == "done")
    assert reply.error is None
    return reply.challenge


def sealed(box, verb="logs", **changes):
    wanted = {
        "node": NODE, "incarnation": INCARNATION, "verb": verb, "instance": "shop-web-0",
        "challenge": changes.pop("challenge", None) or challenge(box), "answer_key": KEY, **changes,
    }  # fmt: skip
    return sealed_to(public_of(box), requested(InstanceRequest(**wanted)))


def public_of(box):
    return load_or_make(box.settings.state).public


class Ended(typing.NamedTuple):
    """How a request ended, as it was sealed or as it was refused; and whether a visit is wanted."""

    error: str | None
    exit_code: int | None
    visit: bool


def ask(box, data):
    """Return what was written on out and err, and how it ended."""
    client, far = Client(box.path).ask(request=data), FarEnd(KEY)
    end = client.until(lambda reply: reply.kind == "done")
    said = [far.read(one.body) for one in client.replies if one.body]
    written = [
        b"".join(one.data for one in said if one.stream == stream) for stream in ("out", "err")
    ]
    assert not end.body or (said[-1].end, end.error) == (True, None)
    last = said[-1] if end.body else SessionOutput(end=True, error=end.error)
    return *written, Ended(last.error, last.exit_code, end.visit)


def test_logs(box):
    out, err, end = ask(box, sealed(box, tail=5, since_s=60.0))
    assert (out, err, end.error) == (b"one\n", b"two\n", None)
    name, wish = next(subject for verb, subject in box.runtime.calls if verb == "logs")
    assert (name, wish.tail, wish.since_s, wish.follow) == (
        "skerry-shop-web-0-web", 5, 60.0, False,
    )  # fmt: skip


def test_exec_where_the_box_allows_it(box):
    data = sealed(box, "exec", command=("cat",), stdin=b"in")
    assert ask(box, data)[2].error == "the box's policy does not allow exec (requests.exec)"
    assert not [one for one in box.runtime.calls if one[0] == "execute"]
    box.policy.write_text(EXEC)
    out, err, end = ask(box, sealed(box, "exec", command=("cat",), stdin=b"in"))
    assert (out, err, end.error, end.exit_code) == (b"in", b"hm", None, 7)


def test_nothing_of_an_answer_can_be_read_on_its_way(box):
    box.policy.write_text(EXEC)
    for data in (sealed(box), sealed(box, "exec", command=("cat",), stdin=b"secret")):
        assert b"secret" not in data
        client = Client(box.path).ask(request=data)
        client.until(lambda reply: reply.kind == "done")
        assert {one.error for one in client.replies} == {None}
        seen = b"".join(one.body for one in client.replies)
        assert not any(one in seen for one in (b"one", b"two", b"secret", b"hm"))


class Seat:
    """A session of `cat`, through the socket."""

    def __init__(self, box, **changes):
        box.policy.write_text(EXEC)
        self.far = FarEnd(KEY)
        changes = {"command": ("cat",), "input": True, **changes}
        self.client = Client(box.path).ask(request=sealed(box, "exec", **changes))

    def send(self, piece):
        self.client.send(local.frame(ExecutorInput(piece=piece)))

    def type(self, data=b"", **fields):
        self.send(self.far.typed(data, **fields))
        return self

    def until(self, test):
        """Return what was said until something is, and the last of it."""
        said = b""
        while True:
            reply = self.client.next()
            assert reply.error is None, "it is sealed"
            one = self.far.read(reply.body)
            said += one.data
            if test(said, one):
                return said, one

    def end(self):
        said, last = self.until(lambda _, one: one.end)
        assert self.client.replies[-1].kind == "done"
        assert self.client.next() is None
        return said, last


def test_a_session_from_the_first_key_to_the_end(box):
    seat = Seat(box, terminal=Terminal(columns=90, rows=30))
    assert seat.type(b"hello").until(lambda said, _: b"hello" in said)[1].taken <= 1
    seat.type(terminal=Terminal(columns=100, rows=30)).until(lambda said, _: b"100" in said)
    said, last = seat.type(b"bye", eof=True).end()
    assert (said, last.taken, last.error, last.exit_code) == (b"byehm", 3, None, 7)
    assert not any(b"hello" in one.body for one in seat.client.replies)
    assert list((box.settings.run / "programs").iterdir()) == []


@pytest.mark.parametrize("how", ["forged", "replayed", "reordered", "garbage", "flood"])
def test_what_the_hub_did_not_type_ends_the_session(box, how):
    seat = Seat(box)
    seat.type(b"one").until(lambda said, _: said == b"one")
    lost, late = seat.far.typed(b"lost"), seat.far.typed(b"late")
    bad = {
        "forged": FarEnd().typed(b"x"), "reordered": late, "replayed": late[:8] + lost[8:],
        "garbage": b"x",
    }  # fmt: skip
    if how == "flood":
        seat.client.send(local.frame(ExecutorInput(piece=bytes(40_000))))
    elif how == "forged":
        # Numbered as the next one.
        seat.send(lost[:8] + bad[how][8:])
    else:
        seat.send(bad[how])
    said, last = seat.end()
    assert b"lost" not in said
    assert b"late" not in said
    assert "its input cannot be taken" in last.error


def test_what_is_not_sealed_to_this_box_is_refused(box):
    plain = requested(
        InstanceRequest(
            node=NODE, incarnation=INCARNATION, verb="logs", instance="shop-web-0",
            challenge=challenge(box), answer_key=KEY,
        )
    )  # fmt: skip
    other = load_or_make(box.settings.state / "other").public
    for data in (plain, sealed_to(other, plain), sealed(box)[:-1], b"\x80"):
        assert "is not sealed to this box's key" in ask(box, data)[2].error
    assert ask(box, sealed_to(public_of(box), plain))[2].error is None, "it was not used up"


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"verb": "logs", "input": True}, "input belongs to exec"),
        ({"verb": "exec", "command": ("cat",), "terminal": Terminal()}, "a terminal needs input"),
        ({"answer_key": b"short"}, "the key to seal the answer with is of 5 bytes"),
    ],
)
def test_what_does_not_fit_together_is_refused(box, changes, words):
    box.policy.write_text(EXEC)
    assert words in ask(box, sealed(box, **changes))[2].error


def test_what_a_killed_run_left_is_ended_by_the_next(tmp_path):
    folder = tmp_path / "run" / "programs"
    folder.mkdir(parents=True)
    (folder / "a").write_text("fake\nabc 1 2")
    (folder / "b").write_text("other\nabc")
    box = Box(tmp_path)
    wait_for("them to be ended", lambda: not list(folder.iterdir()))
    assert [one for one in box.runtime.calls if one[0] == "end_program"] == [
        ("end_program", "abc 1 2")
    ]
    box.end()


def test_exec_needs_a_running_container(box):
    box.policy.write_text(EXEC)
    (one,) = box.runtime.containers(NODE)
    box.runtime.stop(one.id, 0, None)
    end = ask(box, sealed(box, "exec", command=("ls",)))[2]
    assert end.error == "container web of shop-web-0 does not run: it is exited"


def test_restart_keeps_the_container(box):
    (before,) = box.runtime.containers(NODE)
    box.runtime.calls.clear()
    assert ask(box, sealed(box, "restart"))[2].error is None
    assert box.runtime.changes() == [("stop", before.id), ("start", before.name)]


def test_a_restart_tells_the_agent_what_was_restarted(box):
    client = Client(box.path).ask(request=sealed(box, "restart"))
    end = client.until(lambda reply: reply.kind == "done")
    assert end.restarted == Restarted(instance="shop-web-0", containers=("web",))
    client = Client(box.path).ask(request=sealed(box))
    assert client.until(lambda reply: reply.kind == "done").restarted is None


def test_restart_starts_what_it_stopped_although_a_stop_fails(box):
    box.runtime.fails["stop"] = RuntimeFailure(Failure.OTHER, "it does not stop")
    box.runtime.calls.clear()
    assert ask(box, sealed(box, "restart"))[2].error == "it does not stop"
    assert [verb for verb, _ in box.runtime.changes()] == ["stop", "start"]


def test_restart_tries_a_pull_again_and_says_why_it_failed_once_more(box):
    absent = "registry.example/new:1"
    asked(box.path, signed(order(instance("new-0", image=absent), generation=2)))
    assert [verb for verb, _ in box.runtime.calls].count("pull") == 1
    end = ask(box, sealed(box, "restart", instance="new-0"))[2]
    why = f"image {absent} is not in its registry"
    assert (end.error, end.visit) == (f"image pull back-off of 10 s: {why}", True)
    assert [verb for verb, _ in box.runtime.calls].count("pull") == 2
    box.runtime.registry.add(absent)
    end = ask(box, sealed(box, "restart", instance="new-0"))[2]
    assert (end.error, end.visit) == (None, True)
    (one,) = box.runtime.containers(NODE)
    assert (one.instance, one.phase) == ("new-0", "running")


def test_restart_says_so_of_a_pull_too_while_another_container_runs(box):
    absent = "registry.example/new:1"
    asked(box.path, signed(order(instance(image=absent, revision="2"), generation=2)))
    end = ask(box, sealed(box, "restart"))[2]
    assert end.error == f"image pull back-off of 10 s: image {absent} is not in its registry"
    (one,) = box.runtime.containers(NODE)
    assert (one.revision[0], one.phase) == ("1", "running")


def test_restart_looks_again_when_its_turn_comes(box):
    data = sealed(box, "restart")
    ended = []
    with box.server._visits.turn:
        thread = threading.Thread(target=lambda: ended.append(ask(box, data)[2].error))
        thread.start()
        wait_for("the request", lambda: box.server._requests._cancels)
        changed = state.load(box.settings.state)
        gone = state.Accepted(
            node=NODE, incarnation=INCARNATION, generation=9, digest=changed.digest,
            envelope=signed(order(generation=9)),
        )  # fmt: skip
        state.save(box.settings.state, gone)
        (one,) = box.runtime.containers(NODE)
        box.runtime.remove(one.id)
        box.runtime.calls.clear()
    thread.join(10)
    assert ended == ["there is no instance shop-web-0 on this box"]
    assert box.runtime.changes() == []


def test_restart_waits_for_its_turn(box):
    began = threading.Event()
    ended = []

    def restart():
        data = sealed(box, "restart")
        began.set()
        ended.append(ask(box, data)[2].error)

    with box.server._visits.turn:
        box.runtime.calls.clear()
        thread = threading.Thread(target=restart)
        thread.start()
        assert began.wait(10)
        assert ask(box, sealed(box))[0] == b"one\n", "logs do not wait"
        assert box.runtime.calls[-1][0] == "logs"
    thread.join(10)
    assert ended == [None]
    assert [verb for verb, _ in box.runtime.changes()][-2:] == ["stop", "start"]


def test_top_of_a_whole_box(box):
    asked(box.path, signed(order(instance(), instance("shop-db-0"), generation=2)))
    out, _, end = ask(box, sealed(box, "top", instance=None))
    assert end.error is None
    found = codec.decode(Usages, out, strict=True)
    assert [(one.instance, one.usage.container) for one in found.containers] == [
        ("shop-db-0", "web"), ("shop-web-0", "web"),
    ]  # fmt: skip
    assert all(500 < one.cpu_milli < 1100 for one in found.containers)
    box.runtime.fails["usage"] = RuntimeFailure(Failure.OTHER, "it is away")
    found = codec.decode(Usages, ask(box, sealed(box, "top"))[0])
    assert found == Usages(failures=("skerry-shop-web-0-web: it is away",))


def test_a_request_counts_once(box):
    data = sealed(box)
    assert ask(box, data)[2].error is None
    assert "answers no challenge of this box" in ask(box, data)[2].error


def test_a_made_up_challenge_and_one_for_a_lease_are_refused(box):
    client = Client(box.path).ask(challenge="lease")
    lease = client.until(lambda reply: reply.kind == "done").challenge
    for made in (b"m" * 32, lease):
        assert "answers no challenge of this box" in ask(box, sealed(box, challenge=made))[2].error
    assert not [one for one in box.runtime.calls if one[0] == "logs"]


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"node": "box-2"}, "it is for node box-2"),
        ({"incarnation": "f" * 32}, "it is for incarnation"),
        ({"instance": "other-0"}, "there is no instance other-0 on this box"),
        ({"container": "db"}, "has no container db; has web"),
    ],
)
def test_what_is_for_others_or_of_nothing_here_is_refused(box, changes, reason):
    assert reason in ask(box, sealed(box, **changes))[2].error


def test_another_agent_gets_neither_challenge_nor_answer(box):
    data = sealed(box)
    for wanted in ({"challenge": "request"}, {"request": data}):
        client = Client(box.path).ask(node="box-2", **wanted)
        reply = client.until(lambda reply: reply.kind == "done")
        assert "this executor serves node box-1" in reply.error
        assert reply.challenge is None
    assert ask(box, data)[2].error is None, "it was not used up"


def test_before_any_order_there_is_nothing_to_ask_about(tmp_path):
    box = Box(tmp_path)
    client = Client(box.path).ask(challenge="request")
    assert client.until(lambda reply: reply.kind == "done").error == (
        "this box has accepted no order yet"
    )
    box.end()


def test_a_policy_that_cannot_be_used_allows_nothing(box):
    data = sealed(box)
    box.policy.write_text("[requests]\nlog = true\n")
    assert "requests.log is unknown" in ask(box, data)[2].error


def test_a_client_that_goes_ends_what_it_asked_for(box):
    client = Client(box.path).ask(request=sealed(box, follow=True))
    assert FarEnd(KEY).read(client.next().body).data == b"one\n"
    assert box.runtime.following.wait(10)
    client.connection.close()
    assert box.runtime.ended.wait(5)


def test_no_more_than_four_at_once(box):
    clients = []
    for _ in range(4):
        box.runtime.following.clear()
        clients.append(Client(box.path).ask(request=sealed(box, follow=True)))
        assert box.runtime.following.wait(10)
    assert "4 requests are under way" in ask(box, sealed(box))[2].error
    clients.pop().connection.close()
    until = time.monotonic() + 10
    while (end := ask(box, sealed(box))[2]).error is not None:
        assert time.monotonic() < until, end
        time.sleep(0.02)
    for client in clients:
        client.connection.close()


def test_the_end_of_the_executor_ends_them(box):
    client = Client(box.path).ask(request=sealed(box, follow=True))
    assert box.runtime.following.wait(10)
    box.server.end()
    client.until(lambda reply: reply.kind == "done")
    far = FarEnd(KEY)
    assert [far.read(one.body) for one in client.replies][-1].error == "it was ended"
    box.thread.join(10)
    assert not box.thread.is_alive()
