"""What is to be done: properties over any desired and actual containers, and cases."""

import dataclasses

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.executor.orders import NODE, container, instance

from skerry_executor import reconcile as rec
from skerry_executor.actual import Actual, HostPort, Phase
from skerry_executor.halt import Halt
from skerry_executor.specs import labels_of, name_of, spec_of
from skerry_wire.messages import InstanceState
from skerry_wire.workload import BusDevice, PortMapping

IMAGE = "localhost/skerry-demo-web:1"


def actual(wanted, part=None, phase=Phase.RUNNING, **changes):
    """Return the container that `wanted` would have become."""
    part = part or wanted.containers[0]
    return Actual(
        **{
            "id": f"{wanted.id}/{part.name}",
            "name": name_of(wanted.id, part.name),
            "node": NODE,
            "instance": wanted.id,
            "container": part.name,
            "workload": wanted.workload,
            "revision": wanted.revision,
            "spec": spec_of(wanted, part),
            "phase": phase,
            "ports": frozenset(HostPort(p.host, p.protocol) for p in part.ports),
            **changes,
        }
    )


def after(actions, before):
    """Return the containers after the actions, as a runtime would have them."""
    there = {one.id: one for one in before}
    for action in actions:
        match action:
            case rec.Stop(actual=one):
                there[one.id] = dataclasses.replace(one, phase=Phase.EXITED, exit_code=0)
            case rec.Remove(actual=one):
                assert there[one.id].phase is not Phase.RUNNING
                del there[one.id]
            case rec.Create(instance=wanted, container=part):
                made = actual(wanted, part, Phase.CREATED)
                assert made.name not in {one.name for one in there.values()}
                there[made.id] = made
            case rec.Start(reference=reference):
                (one,) = (o for o in there.values() if reference in (o.id, o.name))
                there[one.id] = dataclasses.replace(one, phase=Phase.RUNNING)
            case _:
                pass
    return tuple(there.values())


def plan(desired, there=(), present=(IMAGE,)):
    return rec.reconcile(desired, there, set(present))


def kinds(actions):
    return [type(action).__name__ for action in actions]


# --- properties ---------------------------------------------------------------------------

PORT = st.sampled_from([(), (PortMapping(host=80, container=80),)])
PARTS = st.lists(
    st.builds(
        container,
        st.sampled_from(["web", "db"]),
        restart=st.sampled_from(["always", "no", "on-failure"]),
        ports=PORT,
    ),
    max_size=2,
    unique_by=lambda part: part.name,
)
IDS = st.sampled_from(["a-0", "a-1", "b-0"])
INSTANCE = st.builds(instance, IDS, st.sampled_from("12"), PARTS)
DESIRED = st.lists(INSTANCE, max_size=3, unique_by=lambda wanted: wanted.id)


@st.composite
def worlds(draw):
    """Return containers as a runtime might have them: any phase, name, and doubles."""
    there = {}
    for number, wanted in enumerate(draw(st.lists(INSTANCE, max_size=5))):
        for part in wanted.containers:
            name = draw(st.sampled_from([name_of(wanted.id, part.name), f"other-{number}"]))
            phase = draw(st.sampled_from([p for p in Phase if p is not Phase.REMOVING]))
            code = draw(st.sampled_from([0, 1])) if phase is Phase.EXITED else None
            one = actual(wanted, part, phase, id=f"{number}", name=name, exit_code=code)
            there.setdefault(one.name, one)
    return tuple({one.id: one for one in there.values()}.values())


@given(DESIRED, worlds())
@settings(max_examples=200, deadline=None)
def test_doing_the_actions_and_deciding_again_gives_none(desired, there):
    first = plan(desired, there)
    assert not plan(desired, after(first.actions, there)).changes


@given(DESIRED, worlds())
@settings(max_examples=200, deadline=None)
def test_what_has_the_orders_spec_is_never_touched_while_it_runs(desired, there):
    wanted = {(w.id, part.name): spec_of(w, part) for w in desired for part in w.containers}
    right = {}
    for one in there:
        key = one.instance, one.container
        if one.phase is Phase.RUNNING and wanted.get(key) == one.spec:
            right.setdefault(key, []).append(one.id)
    ended = {a.actual.id for a in plan(desired, there).actions if isinstance(a, rec.Remove)}
    for ids in right.values():
        assert len(set(ids) - ended) == 1


@given(DESIRED)
@settings(max_examples=50, deadline=None)
def test_an_empty_order_removes_all_and_no_order_of_nothing_does_anything(desired):
    there = after(plan(desired).actions, ())
    assert after(plan([], there).actions, there) == ()
    assert not plan([]).changes


# --- cases --------------------------------------------------------------------------------


def test_a_new_instance_is_created_and_started():
    wanted = instance()
    assert plan([wanted]).actions == (
        rec.Create(instance=wanted, container=wanted.containers[0]),
        rec.Start(instance=wanted.id, reference="skerry-shop-web-0-web"),
    )


def test_a_new_revision_replaces_and_the_image_comes_before_the_end():
    old, new = instance(), instance(revision="2", image="registry.example/web:2")
    assert kinds(plan([new], [actual(old)]).actions) == [
        "Pull",
        "Stop",
        "Remove",
        "Create",
        "Start",
    ]


@pytest.mark.parametrize(
    ("changes", "present", "kind"),
    [
        ({}, True, []),
        ({}, False, ["Missing"]),
        ({"image": "registry.example/web"}, False, ["Pull"]),
        ({"image": "registry.example/web"}, True, []),
        ({"image": "registry.example/web", "pull": "always"}, True, ["Pull"]),
        ({"image": "registry.example/web", "pull": "never"}, False, ["Missing"]),
        ({"pull": "always"}, True, []),  # there is nowhere to pull localhost/... from
    ],
)
def test_images(changes, present, kind):
    wanted = instance(**changes)
    (needed,) = rec.images_needed([wanted], [])
    assert kinds(plan([wanted], present={needed} if present else ()).actions)[:-2] == kind


def test_an_image_that_two_containers_share_is_pulled_once():
    parts = [container(name, image="registry.example/web") for name in ("a", "b")]
    assert kinds(plan([instance(containers=parts)]).actions).count("Pull") == 1


def test_what_waits_for_an_image_comes_last():
    slow, quick = instance("a-0", image="registry.example/web"), instance("b-0")
    assert [one.instance.id for one in plan([slow, quick]).instances] == ["b-0", "a-0"]


def test_a_port_is_given_up_before_another_instance_takes_it():
    port = (PortMapping(host=80, container=80),)
    there = [actual(instance("a-0", ports=port))]
    desired = [instance("b-0", ports=port), instance("a-0", "2")]
    found = plan(desired, there)
    assert kinds(found.first) == ["Stop", "Remove"]
    assert kinds(found.actions).count("Stop") == 1


def test_an_instance_without_its_new_image_gives_up_no_port():
    port = (PortMapping(host=80, container=80),)
    there = [actual(instance("a-0", ports=port))]
    desired = [instance("b-0", ports=port), instance("a-0", "2", image="registry.example/web")]
    assert plan(desired, there).first == ()


@pytest.mark.parametrize(
    ("restart", "code", "restarts", "starts"),
    [
        ("always", 0, 0, True),
        ("always", 1, 99, True),
        ("no", 1, 0, False),
        ("no", 0, 0, False),
        ("on-failure", 0, 0, False),
        ("on-failure", 1, 0, True),
        ("on-failure", 1, 2, True),
        ("on-failure", 1, 3, False),
    ],
)
def test_what_ended_is_started_by_its_own_restart_policy(restart, code, restarts, starts):
    wanted = instance(restart=restart, restart_retries=3)
    there = [actual(wanted, phase=Phase.EXITED, exit_code=code, restarts=restarts)]
    assert plan([wanted], there).changes is starts


def test_what_the_hub_keeps_for_itself_restarts_nothing():
    wanted = instance()
    assert not plan([dataclasses.replace(wanted, origin=b"x")], [actual(wanted)]).changes


def test_our_labels_are_stronger_than_the_workloads_own():
    wanted = instance(labels={"io.skerry.node": "box-2", "tier": "front"})
    labels = labels_of(NODE, wanted, wanted.containers[0])
    assert labels["io.skerry.node"] == NODE
    assert labels["tier"] == "front"


def test_the_spec_of_a_released_container_never_changes():
    # Another value here would restart every container of every box.
    assert spec_of(instance(), container()) == "d8488653bc1b1ab9"


# --- devices on a bus ------------------------------------------------------------------------

ADAPTER = BusDevice(bus="usb", address="1-2")


def with_device(there, looked, **changes):
    """Return what is done about an instance with a device, of which `there` runs."""
    wanted = instance(bus_devices=(ADAPTER,), **changes)
    found = [dataclasses.replace(actual(wanted), **one) for one in there]
    devices = {(wanted.id, "web"): looked}
    done = rec.reconcile([wanted], found, [IMAGE], devices)
    return [type(action).__name__ for action in done.actions]


EXITED = {"phase": Phase.EXITED, "exit_code": 1}


@pytest.mark.parametrize(
    ("there", "looked", "done"),
    [
        ({"devices": "a"}, rec.Looked("a"), ["Keep"]),
        ({"devices": "a"}, rec.Looked("b"), ["Stop", "Remove", "Create", "Start"]),
        ({}, rec.Looked("b"), ["Stop", "Remove", "Create", "Start"]),
        ({"devices": "a"}, rec.Looked(problem="away"), ["Keep"]),
        ({"devices": "a", **EXITED}, rec.Looked("a"), ["Start"]),
        ({"devices": "a", **EXITED}, rec.Looked("b"), ["Remove", "Create", "Start"]),
        ({"devices": "a", **EXITED}, rec.Looked(problem="away"), ["Lacking", "Start"]),
    ],
)
def test_a_container_is_made_anew_when_its_device_has_other_nodes_and_not_while_it_is_away(
    there, looked, done
):
    assert with_device([there], looked) == done


def test_a_new_place_is_a_new_spec_and_another_number_is_none():
    wanted = instance(bus_devices=(ADAPTER,))
    other = instance(bus_devices=(dataclasses.replace(ADAPTER, address="1-3"),))
    assert spec_of(wanted, wanted.containers[0]) != spec_of(other, other.containers[0])
    labels = labels_of(NODE, wanted, wanted.containers[0], "/dev/ttyUSB0=188:0")
    assert labels["io.skerry.devices"] == "/dev/ttyUSB0=188:0"
    assert labels["io.skerry.spec"] == spec_of(wanted, wanted.containers[0])
    forged = instance(labels={"io.skerry.devices": "x"})
    assert "io.skerry.devices" not in labels_of(NODE, forged, forged.containers[0])


# --- networks that are shared -------------------------------------------------------------


HALT = Halt(state=InstanceState.PENDING, reason="no")
PAIR = dataclasses.replace(
    instance(containers=[container("web"), container("side")]), shared_network=True
)


def steps_of(*there):
    return [type(one).__name__ for one in plan([PAIR], there).actions]


def test_who_has_a_network_that_went_is_started_anew():
    web, side = (actual(PAIR, part) for part in PAIR.containers)
    assert steps_of(web, side) == ["Keep", "Keep"]
    detached = dataclasses.replace(side, detached=True)
    assert steps_of(web, detached) == ["Keep", "Stop", "Start"]
    ended = dataclasses.replace(detached, phase=Phase.EXITED, exit_code=1)
    assert steps_of(web, ended) == ["Keep", "Start"]


def test_who_has_a_network_goes_before_its_owner_whatever_started_when():
    web, side = (actual(PAIR, part) for part in PAIR.containers)
    never = dataclasses.replace(side, phase=Phase.CREATED, started_at=None, joined=web.id)
    web = dataclasses.replace(web, started_at=5.0)
    gone = rec.reconcile([], [web, never], [])
    assert [one.actual.container for one in gone.first] == ["side", "web", "web"]
    # As an order that had another owner made them.
    swapped = dataclasses.replace(web, joined=never.id), dataclasses.replace(never, joined=None)
    newer = dataclasses.replace(PAIR, revision="2" * 16)
    for there, last in (((web, never), "web"), (swapped, "side")):
        ends = [one for one in plan([newer], there).actions if isinstance(one, rec.Remove)]
        assert [one.actual.container for one in ends][-1] == last
        halted = rec.reconcile([PAIR], there, [], halts={PAIR.id: HALT}).actions
        assert [one.actual.container for one in halted][-1] == last


def test_who_has_a_network_goes_before_its_owner_gives_up_a_port():
    web, side = (actual(PAIR, part) for part in PAIR.containers)
    web = dataclasses.replace(web, ports=frozenset({HostPort(80, "tcp")}))
    side = dataclasses.replace(side, joined=web.name)
    newer = dataclasses.replace(PAIR, revision="2" * 16)
    port = PortMapping(host=80, container=80)
    taker = instance("other-0", containers=[container("other", ports=(port,))])
    first = plan([newer, taker], [web, side]).first
    assert [one.actual.container for one in first] == ["side", "side", "web", "web"]


def test_who_would_join_a_network_that_is_over_for_good_gets_one_of_its_own():
    parts = [container("web", restart="no"), container("side", restart="no")]
    pair = dataclasses.replace(PAIR, containers=tuple(parts))
    web, side = (actual(pair, part) for part in parts)
    over = dataclasses.replace(web, phase=Phase.EXITED, exit_code=0)
    side = dataclasses.replace(side, phase=Phase.CREATED, joined=web.id)
    keep, remove, create, start = plan([pair], [over, side]).actions
    assert (keep.actual, remove.actual) == (over, side)
    assert (create.container, create.instance.shared_network) == (parts[1], False)
    assert start.reference == side.name
    assert [type(one).__name__ for one in plan([pair], [web, side]).actions] == ["Keep", "Start"]
    runs = dataclasses.replace(side, phase=Phase.RUNNING)
    assert [type(one).__name__ for one in plan([pair], [over, runs]).actions] == ["Keep", "Keep"]


def test_of_those_that_share_a_network_none_is_replaced_alone():
    web, side = (actual(PAIR, part) for part in PAIR.containers)
    old = dataclasses.replace(web, spec="0" * 16)
    expected = ["Stop", "Remove", "Stop", "Remove", "Create", "Create", "Start", "Start"]
    assert steps_of(old, side) == expected
    # The one that has it goes last: podman keeps it while another one has joined it.
    ends = [one.actual.container for one in plan([PAIR], (old, side)).actions[:4]]
    assert ends == ["side", "side", "web", "web"]
