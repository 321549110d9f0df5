"""The socket: real connections, a fake runtime behind."""

import contextlib
import dataclasses
import os
import select
import socket
import struct
import threading

import pytest
from tests.executor.bus_tree import BusTree, number_of
from tests.executor.client import Client, asked
from tests.executor.fake_runtime import READS, FakeRuntime
from tests.executor.orders import (
    IMAGE,
    INCARNATION,
    KEY,
    NODE,
    PUBLIC,
    STRANGER,
    instance,
    key_file,
    order,
    signed,
)

from lab.processes import wait_for
from skerry_executor import listen, pulled_images, state
from skerry_executor.image_cleaning import Remembered
from skerry_executor.leftovers import Leftover
from skerry_executor.policy_file import parse_policy
from skerry_executor.runtimes.base import Failure, RuntimeFailure
from skerry_executor.runtimes.none import NoRuntime
from skerry_executor.sealing import load_or_make
from skerry_executor.serve import MAX_CONNECTIONS, Server
from skerry_executor.settings import Settings
from skerry_wire import codec, envelope, local
from skerry_wire.box_policy import BoxPolicy
from skerry_wire.lifecycle import Switch
from skerry_wire.local import ExecutorRequest
from skerry_wire.messages import Targets
from skerry_wire.workload import BusDevice

SLOW = "registry.example/slow:1"
POLICY = '[images]\nallow = ["localhost", "registry.example"]\n'


class Box:
    """A server in a thread, and what it works with."""

    def __init__(self, folder, **changes):
        self.path = folder / "socket"
        self.runtime = FakeRuntime(images=[IMAGE], silent=[SLOW])
        (folder / "keys").mkdir(exist_ok=True)
        (folder / "keys" / "hub.pub").write_text(key_file())
        self.policy = folder / "policy.toml"
        self.policy.write_text(POLICY)
        self.settings = Settings(
            **{
                "state": folder / "state",
                "run": folder / "run",
                "policy": self.policy,
                "keys": folder / "keys",
                "idle_s": 60.0,
                **changes,
            }
        )
        self.listener = listen.bind(self.path, 0o666, None)
        read, self.holder = os.pipe()
        self.server = Server(self.listener, self.settings, lambda: self.runtime, read)
        self.thread = threading.Thread(target=self.server.run)
        self.thread.start()

    def end(self):
        if self.thread.is_alive():
            self.server.end()
        self.thread.join(20)
        assert not self.thread.is_alive()
        self.listener.close()
        self.path.unlink()
        os.close(self.holder)


@pytest.fixture
def box(tmp_path):
    box = Box(tmp_path)
    yield box
    box.end()


def test_an_order_is_carried_out_with_progress_pidfds_and_an_outcome(box):
    client = Client(box.path).ask(signed(order(instance(), generation=3)))
    outcome = client.done()
    assert (outcome.accepted, outcome.reached, outcome.refusal) == (3, True, None)
    assert [reply.kind for reply in client.replies] == ["progress", "watch", "progress", "done"]
    assert client.pidfds == 1
    assert state.load(box.settings.state).generation == 3


def test_without_an_order_the_newest_accepted_one_is_converged_to(box):
    assert asked(box.path).accepted == 0
    asked(box.path, signed(order(instance())))
    (one,) = box.runtime.containers("box-1")
    box.runtime.remove(one.id)
    outcome = asked(box.path)
    assert (outcome.accepted, outcome.reached) == (1, True)
    assert len(box.runtime.containers("box-1")) == 1


def test_the_same_order_again_is_converged_to_again(box):
    data = signed(order(instance()))
    asked(box.path, data)
    (one,) = box.runtime.containers("box-1")
    box.runtime.remove(one.id)
    assert asked(box.path, data).reached
    assert len(box.runtime.containers("box-1")) == 1


def test_each_visit_ends_with_the_policy_as_it_is_now(box):
    def visit(data=None):
        client = Client(box.path).ask(data)
        outcome = client.done()
        assert [one.policy for one in client.replies[:-1]] == [None] * (len(client.replies) - 1)
        return client.replies[-1].policy, outcome

    first = parse_policy(POLICY.encode())
    assert visit()[0] == first, "before any order"
    assert visit(signed(order(instance(), generation=1)))[0] == first
    box.policy.write_text(f"{POLICY}[privileges]\nprivileged = true\n")
    assert visit()[0] == dataclasses.replace(first, privileged=True)
    box.policy.write_text('[images]\nallow = ["elsewhere.example"]\n')
    policy, outcome = visit(signed(order(instance(), generation=2)))
    assert outcome.refusal.code == "policy"
    assert policy == parse_policy(b'[images]\nallow = ["elsewhere.example"]')
    box.policy.unlink()
    assert visit()[0] == BoxPolicy(), "nothing is allowed"


def test_each_visit_ends_with_the_runtime_that_is_driven_and_before_any_order_too(box):
    def told(data=None):
        client = Client(box.path).ask(data)
        client.done()
        return [one.runtime for one in client.replies if one.kind == "done"]

    first = box.runtime.in_use
    assert told() == [first], "whoever places workloads needs it for the first order"
    box.runtime.in_use = dataclasses.replace(first, version="5.0.0")
    assert told(signed(order(instance()))) == [box.runtime.in_use]
    box.runtime = NoRuntime("it is gone")
    assert told() == [None]


def test_a_policy_that_cannot_be_used_allows_nothing_and_says_so_before_any_order(box):
    box.policy.write_text("[images]\nalow = []\n")
    client = Client(box.path).ask()
    (problem,) = client.done().problems
    assert problem.startswith(f"the box's policy cannot be used: {box.policy}:2: images.alow")
    assert problem.endswith("so nothing new is allowed")
    assert client.replies[-1].policy == BoxPolicy(trouble=problem.partition(", so nothing")[0])


def test_while_the_policy_cannot_be_used_nothing_new_comes_and_only_what_is_deleted_ends(box):
    two = [instance(), instance("shop-db-0")]
    asked(box.path, signed(order(*two, generation=1)))
    before = {one.instance: one.id for one in box.runtime.containers("box-1")}
    box.policy.write_text(f"{POLICY}images ==\n")
    changed = instance(revision="2", command=("/bin/sleep", "2000"))
    new = instance("shop-new-0")
    data = signed(order(changed, new, generation=2))
    for _ in range(2):
        outcome = asked(box.path, data)
        assert (outcome.accepted, outcome.refusal.code) == (1, "policy")
        assert f"{box.policy}: is not TOML" in outcome.refusal.reason
        assert "(at line " in outcome.refusal.reason
        left = {one.instance: one.id for one in box.runtime.containers("box-1")}
        assert left == {"shop-web-0": before["shop-web-0"]}
    box.policy.write_text(POLICY)
    asked(box.path)
    assert len(box.runtime.containers("box-1")) == 1, "what was deleted does not come back"
    assert asked(box.path, data).reached
    assert {one.instance for one in box.runtime.containers("box-1")} == {"shop-web-0", "shop-new-0"}


def test_a_policy_that_is_too_long_is_enforced_but_not_told(box):
    devices = ", ".join(f'"/dev/x{number}"' for number in range(257))
    box.policy.write_text(f"{POLICY}[devices]\nallow = [{devices}]\n")
    client = Client(box.path).ask(signed(order(instance(privileged=True), generation=1)))
    outcome = client.done()
    assert outcome.refusal.code == "policy"
    assert client.replies[-1].policy is None
    assert "is too long to be told" in outcome.problems[-1]


GOOD = order(instance(), generation=5)


@pytest.mark.parametrize(
    ("data", "code", "accepted"),
    [
        (b"garbage", "malformed", 5),
        (signed(order(generation=9), STRANGER), "unknown_key", 5),
        (signed(order(generation=9, node="box-2")), "other_node", 5),
        (signed(order(generation=9, incarnation="f" * 32)), "other_incarnation", 5),
        (signed(order(generation=4)), "stale_generation", 5),
        (signed(order(generation=5)), "conflicting_generation", 5),
        (signed(order(instance(image="evil/web"), generation=9)), "policy", 5),
        (signed(order(instance(privileged=True), generation=9)), "policy", 5),
    ],
)
def test_a_refused_order_changes_nothing_and_is_told_with_its_reason(box, data, code, accepted):
    asked(box.path, signed(GOOD))
    kept = (box.settings.state / state.FILE).read_bytes()
    before = box.runtime.containers("box-1"), len(box.runtime.changes())
    client = Client(box.path).ask(data)
    outcome = client.done()
    assert outcome.refusal.code == code
    assert outcome.refusal.reason
    assert (outcome.accepted, outcome.reached) == (accepted, False)
    assert [one.id for one in outcome.instances] == ["shop-web-0"]
    assert client.replies[0].outcome.refusal == outcome.refusal
    assert (box.runtime.containers("box-1"), len(box.runtime.changes())) == before
    assert (box.settings.state / state.FILE).read_bytes() == kept


def test_the_first_order_pins_node_and_incarnation(box):
    asked(box.path, signed(GOOD))
    for identity in ({"node": "box-2"}, {"incarnation": "f" * 32}):
        wanted = order(generation=9, **identity)
        outcome = asked(box.path, signed(wanted), **identity)
        assert outcome.refusal.code == f"other_{next(iter(identity))}"
        assert "skerry-executor reset --yes" in outcome.refusal.reason
        assert asked(box.path, **identity).accepted == 0
    assert len(box.runtime.containers("box-1")) == 1


def test_a_policy_that_became_stricter_holds_what_was_accepted(box):
    asked(box.path, signed(GOOD))
    box.policy.write_text("")
    (one,) = box.runtime.containers("box-1")
    box.runtime.remove(one.id)
    outcome = asked(box.path)
    assert outcome.refusal.code == "policy"
    assert outcome.problems == (
        "skerry-shop-web-0-web: image localhost/skerry-demo-web:1 is not among those allowed",
    )
    assert box.runtime.containers("box-1") == ()


def test_without_a_policy_file_nothing_is_allowed_and_the_reason_names_it(box):
    box.policy.unlink()
    refused = asked(box.path, signed(GOOD)).refusal
    assert refused.code == "policy"
    assert f"there is no {box.policy}, so no image is allowed" in refused.reason
    box.policy.write_text("[images]\nalow = []")
    refused = asked(box.path, signed(GOOD)).refusal
    assert f"{box.policy}:2: images.alow is unknown" in refused.reason
    assert state.load(box.settings.state) is None


def test_an_order_that_cannot_be_kept_is_not_carried_out(box):
    box.settings.state.mkdir(mode=0o700)
    (box.settings.state / (state.FILE + ".new")).mkdir()
    outcome = asked(box.path, signed(GOOD))
    assert outcome.refusal.code == "not_kept"
    assert "cannot be written" in outcome.refusal.reason
    assert box.runtime.changes() == []


def test_a_damaged_state_lets_nothing_run(box):
    asked(box.path, signed(GOOD))
    (box.settings.state / state.FILE).write_bytes(b"damage")
    before = len(box.runtime.changes())
    outcome = asked(box.path, signed(order(generation=9)))
    assert "is damaged" in outcome.problems[0]
    assert not outcome.reached
    assert len(box.runtime.changes()) == before


def test_what_a_power_cut_left_in_storage_goes_once_it_is_old_and_then_nothing_is_looked_for(box):
    old, young, wanted = (
        Leftover(id=name, name=f"skerry-{name}", age_s=age_s)
        for name, age_s in (("b-0-web", 999.0), ("c-0-web", 5.0), ("a-0-web", 999.0))
    )
    calls = box.runtime.calls

    def visit(generation, *left):
        box.runtime.left = [*left]
        asked(box.path, signed(order(instance("a-0"), generation=generation)))

    visit(1, old, young, wanted)
    wait_for("the look after it", lambda: ("remove", "b-0-web") in calls)
    visit(2, wanted)
    wait_for("the next look", lambda: calls.count(("leftovers", "")) == 2)
    visit(3, old)
    visit(4, old)
    assert calls.count(("leftovers", "")) == 2
    assert [one for one in calls if one[0] == "remove"] == [("remove", "b-0-web")]


def test_nothing_is_freed_while_the_box_allows_nothing(box):
    def visit(generation, age_s):
        box.runtime.left = [Leftover(id="1", name="skerry-b-0-web", age_s=age_s)]
        asked(box.path, signed(order(instance("a-0"), generation=generation)))

    calls = box.runtime.calls
    visit(1, 5.0)
    wait_for("the look after it", lambda: ("leftovers", "") in calls)
    box.policy.write_text("[images")
    visit(2, 999.0)
    visit(3, 999.0)  # comes when all of the one before is done
    assert calls.count(("leftovers", "")) == 1


def let_days_go_by(path):
    """Have all images that are remembered be unused for eight days, as of the last look."""
    magic, _, _ = path.read_bytes().partition(b"\n")
    found = state.read_record(Remembered, path, magic + b"\n", 1000, strict=False)
    images = tuple(dataclasses.replace(one, unused_s=8 * 86400.0) for one in found.images)
    state.write_record(path, magic + b"\n", Remembered(images=images), durable=False)


def test_what_a_switch_may_go_back_to_keeps_its_image_and_what_nothing_needs_makes_room(box):
    unneeded, old, new = (f"registry.example/web:{number}" for number in range(3))
    box.runtime.registry = {unneeded, old, new}

    def visit(generation, image):
        one = dataclasses.replace(instance(image=image), switch=Switch(settle_s=60.0))
        return asked(box.path, signed(order(one, generation=generation)))

    asked(box.path, signed(order(instance(image=unneeded), generation=1)))
    asked(box.path, signed(order(instance(image=old), generation=2)))
    outcome = visit(3, new)
    assert (outcome.instances[0].revision, outcome.reached) == ("1" * 16, False)
    let_days_go_by(box.settings.state / pulled_images.FILE)
    visit(3, new)
    visit(3, new)  # comes when all of the one before is done
    assert box.runtime.stored == {IMAGE, old, new}


class Recording(FakeRuntime):
    """Notes which generation is on the disk when something is changed."""

    def __init__(self, folder, **has):
        super().__init__(**has)
        self.folder = folder
        self.kept = []

    def _call(self, verb, subject):
        super()._call(verb, subject)
        if verb not in READS:
            self.kept.append((verb, state.load(self.folder).generation))


def test_an_order_is_on_the_disk_before_anything_is_changed(box):
    box.runtime = Recording(box.settings.state, images=[IMAGE])
    asked(box.path, signed(order(instance("a-0"), generation=1)))
    asked(box.path, signed(order(instance("b-0"), generation=2)))
    assert box.runtime.kept == [
        ("create", 1),
        ("start", 1),
        ("stop", 2),
        ("remove", 2),
        ("create", 2),
        ("start", 2),
    ]


# --- several at once ----------------------------------------------------------------------


def test_a_newer_order_cancels_a_pull_under_way(box):
    older = Client(box.path).ask(signed(order(instance(image=SLOW), generation=1)))
    assert box.runtime.pulling.wait(20)
    newer = asked(box.path, signed(order(instance(), generation=2)))
    assert (newer.accepted, newer.reached) == (2, True)
    outcome = older.done()
    assert outcome.problems == ("superseded: a newer order came, generation 2",)
    assert not outcome.reached


def test_a_refused_order_cancels_nothing(box):
    slow = Client(box.path).ask(signed(order(instance(image=SLOW), generation=2)))
    assert box.runtime.pulling.wait(20)
    stale = Client(box.path).ask(signed(order(generation=1)))
    assert stale.next().outcome.refusal.code == "stale_generation"
    asked_newer = asked(box.path, signed(order(generation=3)))
    assert asked_newer.reached
    assert slow.done().problems
    assert stale.done().refusal.code == "stale_generation"


def test_who_asks_for_the_same_order_waits_and_sees_progress(box):
    data = signed(order(instance(image=SLOW), generation=1))
    first = Client(box.path).ask(data)
    assert box.runtime.pulling.wait(20)
    second = Client(box.path).ask(data)
    assert second.next().kind == "progress"
    newer = Client(box.path).ask(signed(order(generation=2)))
    assert newer.done().reached
    assert first.done().accepted == 1
    assert second.done().problems == ("superseded: a newer order came, generation 2",)


def test_a_client_that_leaves_stops_nothing(box):
    client = Client(box.path).ask(signed(order(*(instance(f"a-{n}") for n in range(50)))))
    client.next()
    client.connection.close()
    assert asked(box.path).reached
    assert len(box.runtime.containers("box-1")) == 50


def test_more_connections_than_are_served_at_once_are_all_answered(box):
    clients = [Client(box.path).ask() for _ in range(MAX_CONNECTIONS + 8)]
    assert [client.done().accepted for client in clients] == [0] * len(clients)


# --- bad clients --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"\xff\xff\xff\xff", "a frame of 4294967295 bytes"),
        (struct.pack(">I", 3) + b"\xc1xx", "is not msgpack"),
        (struct.pack(">I", 1) + b"\x80", "node: is missing"),
        (struct.pack(">I", 5000) + b"\x91" * 5000, "is not msgpack"),
        (
            local.frame(local.ExecutorRequest(node="box-1", incarnation=INCARNATION)).replace(
                b"box-1", b"BOX-1"
            ),
            "node: ",
        ),
    ],
)
def test_garbage_is_answered_in_words_and_others_are_served(box, data, words):
    outcome = Client(box.path).send(data).done()
    assert words in outcome.problems[0]
    assert asked(box.path, signed(GOOD)).reached


def test_a_client_that_says_half_and_leaves_is_forgotten(box):
    client = Client(box.path).send(b"\x00\x00")
    client.connection.close()
    assert asked(box.path, signed(GOOD)).reached


def test_an_oversized_order_is_refused_before_it_is_looked_at(box):
    request = {"node": "box-1", "inc": INCARNATION, "order": b"x" * (codec.MAX_MESSAGE_BYTES + 1)}
    body = codec.msgpack.packb(request)
    outcome = Client(box.path).send(struct.pack(">I", len(body)) + body).done()
    assert "at most 262144 bytes" in outcome.problems[0]


@pytest.mark.parametrize("users", [(), (65534,)])
def test_another_user_may_only_ask_when_the_box_says_so(tmp_path, users):
    if os.geteuid() != 0:
        pytest.skip("only root can ask as somebody else")
    box = Box(tmp_path, users=users)
    os.chmod(tmp_path, 0o755)
    os.chmod(tmp_path.parent, 0o755)
    os.chmod(tmp_path.parent.parent, 0o755)
    read, write = os.pipe()
    child = os.fork()
    if not child:
        with contextlib.suppress(BaseException):
            os.setuid(65534)
            outcome = asked(box.path, signed(GOOD))
            os.write(write, codec.pack(outcome))
        os._exit(0)
    os.close(write)
    os.waitpid(child, 0)
    with open(read, "rb") as file:
        outcome = codec.decode(local.Outcome, file.read())
    if users:
        assert outcome.reached
    else:
        assert outcome.problems == ("user 65534 may not ask; allow it with --allow-user",)
        assert box.runtime.calls == []
        assert state.load(box.settings.state) is None
    box.end()


def test_a_runtime_that_fails_is_said_in_words(box):
    box.runtime.fails["list"] = RuntimeFailure(Failure.UNREACHABLE, "nothing listens there")
    outcome = asked(box.path, signed(GOOD))
    assert outcome.problems == ("nothing listens there",)
    box.runtime.fails.clear()
    assert asked(box.path).reached


def test_a_runtime_that_cannot_be_asked_is_not_asked_what_could_be_removed(box):
    box.runtime.registry = {"registry.example/web:1"}
    asked(box.path, signed(order(instance(image="registry.example/web:1"), generation=1)))
    asked(box.path)  # comes when all of the one before is done
    let_days_go_by(box.settings.state / pulled_images.FILE)
    box.runtime.fails["list"] = RuntimeFailure(Failure.TIMED_OUT, "it does not answer")
    box.runtime.calls.clear()
    assert asked(box.path).unseen == "it does not answer"
    asked(box.path)
    assert {verb for verb, _ in box.runtime.calls}.isdisjoint({"images", "leftovers"})


# --- the end ------------------------------------------------------------------------------


def test_a_run_ends_when_nobody_asks(tmp_path):
    box = Box(tmp_path, idle_s=0.05)
    box.thread.join(20)
    assert not box.thread.is_alive()
    box.end()


def test_without_any_patience_whoever_waits_already_is_served(tmp_path):
    box = Box(tmp_path, idle_s=0.0)
    box.thread.join(20)  # nobody waited
    client = Client(box.path).ask(signed(GOOD))
    Server(box.listener, box.settings, lambda: box.runtime).run()
    assert client.done().reached
    box.end()


def test_a_run_that_works_is_not_idle(tmp_path):
    box = Box(tmp_path, idle_s=0.05)
    slow = Client(box.path).ask(signed(order(instance(image=SLOW))))
    assert box.runtime.pulling.wait(20)
    box.thread.join(0.5)
    assert box.thread.is_alive()
    box.server.end()
    outcome = slow.done()
    assert outcome.problems == ("superseded: the executor was told to end",)
    assert [one.id for one in outcome.instances] == ["shop-web-0"]
    box.end()


def test_a_run_ends_with_the_process_that_holds_its_socket(box):
    slow = Client(box.path).ask(signed(order(instance(image=SLOW))))
    assert box.runtime.pulling.wait(20)
    os.write(box.holder, b"x")
    assert slow.done().problems == ("superseded: the executor was told to end",)
    box.thread.join(20)
    assert not box.thread.is_alive()


def test_what_comes_after_the_end_waits_for_the_next_run(box):
    box.server.end()
    box.thread.join(20)
    late = Client(box.path).ask()
    late.connection.setblocking(False)
    assert select.select([late.connection], [], [], 0.1)[0] == []
    late.connection.setblocking(True)
    late.connection.shutdown(socket.SHUT_RDWR)


def about(box, data, node=NODE):
    """Ask about targets, and return the only frame of the answer."""
    client = Client(box.path)
    request = ExecutorRequest(node=node, incarnation=INCARNATION, targets=data)
    client.send(local.frame(request))
    reply = client.until(lambda reply: reply.kind == "done")
    assert client.next() is None
    assert len(client.replies) == 1
    return reply


def test_targets_are_verified_and_nothing_is_converged_to(box):
    targets = Targets(node=NODE, issued_at=1.0)
    sealed = envelope.seal_targets(
        targets, envelope.key_id_of(PUBLIC), lambda data: KEY.sign(data).signature
    )
    assert about(box, codec.encode(sealed)).targets == targets
    refused = about(box, b"forged")
    assert (refused.targets, refused.outcome) == (None, None)
    assert "it is not signed" in refused.targets_refused
    assert (
        "for node box-1, this is box-2" in about(box, codec.encode(sealed), "box-2").targets_refused
    )
    asked(box.path, signed(order(instance())))
    other = about(box, codec.encode(sealed), "box-2").targets_refused
    assert other == "this executor serves node box-1, the agent is box-2"


# --- devices on a bus ------------------------------------------------------------------------

ADAPTER = BusDevice(bus="usb", address="1-2", vendor="0403", product="6001")
WITH_DEVICES = POLICY + '[devices]\nallow = ["/dev/*"]\n'


@pytest.fixture
def plugged(tmp_path):
    """A server on a box whose tree of devices is made, and the tree."""
    tree = BusTree(tmp_path / "tree")
    box = Box(tmp_path, root=tree.root)
    box.policy.write_text(WITH_DEVICES)
    yield box, tree
    box.end()


def test_a_device_is_given_by_its_port_and_again_when_it_was_plugged_anew(plugged):
    box, tree = plugged
    wanted = signed(order(instance(bus_devices=(ADAPTER,))))
    outcome = asked(box.path, wanted)
    assert outcome.accepted == 1, "an order is taken though its device is away"
    assert outcome.instances[0].reason == "there is no usb 1-2 on this box"
    assert box.runtime.changes() == []

    tree.plug(nodes=[("", "usb", "null")])
    assert asked(box.path).reached
    (made,) = box.runtime.containers(NODE)
    assert made.devices == f"/dev/null={number_of('null')}"
    assert [one.host for one in box.runtime._wanted[made.name].devices] == ["/dev/null"]

    tree.unplug()
    outcome = asked(box.path)
    assert (outcome.reached, box.runtime.containers(NODE)) == (True, (made,)), "left alone"

    tree.plug(nodes=[("", "usb", "zero")])
    assert asked(box.path).reached
    (anew,) = box.runtime.containers(NODE)
    assert (anew.devices, anew.id != made.id) == (f"/dev/zero={number_of('zero')}", True)
    calls = len(box.runtime.changes())
    assert asked(box.path).reached
    assert len(box.runtime.changes()) == calls


def test_another_device_at_the_port_or_a_policy_without_devices_gives_nothing(plugged):
    box, tree = plugged
    tree.plug(vendor="1a86", product="7523", nodes=[("", "usb", "null")])
    wanted = order(instance(bus_devices=(ADAPTER,)))
    outcome = asked(box.path, signed(wanted))
    assert outcome.instances[0].reason == "usb 1-2 is 1a86:7523 now, not 0403:6001"
    box.policy.write_text(POLICY + '[devices]\nallow = ["/dev/tty*"]\n')
    tree.unplug().plug(nodes=[("", "usb", "null")])
    outcome = asked(box.path)
    assert (
        outcome.instances[0].reason
        == "the box's policy allows no device node of usb 1-2: /dev/null"
    )
    box.policy.write_text(POLICY)
    refused = asked(box.path, signed(dataclasses.replace(wanted, generation=2))).refusal
    assert "usb 1-2: no device node is allowed (devices.allow)" in refused.reason
    assert box.runtime.containers(NODE) == ()


def test_whoever_visits_is_told_to_which_key_secrets_are_sealed(box):
    client = Client(box.path).ask()
    client.done()
    key = load_or_make(box.settings.state).public
    assert [one.sealing_key for one in client.replies if one.kind == "done"] == [key]


def test_a_damaged_key_is_a_problem_and_stops_no_order(box):
    box.settings.state.mkdir(mode=0o700, exist_ok=True)
    (box.settings.state / "sealing-key").write_bytes(b"nonsense")
    client = Client(box.path).ask(signed(order(instance())))
    outcome = client.done()
    assert outcome.reached
    assert any("no secret can be sealed for this box" in one for one in outcome.problems)
    assert client.replies[-1].sealing_key is None
