"""One run towards an order, on the fake runtime."""

import dataclasses
import os
import threading

import pytest
from tests.executor.fake_runtime import FakeRuntime
from tests.executor.orders import IMAGE, NODE, container, instance, order

from skerry_executor import specs
from skerry_executor.actual import Phase
from skerry_executor.backoffs import BackOffs
from skerry_executor.cancel import Cancel, Cancelled
from skerry_executor.converge import Convergence
from skerry_executor.runtimes.base import Failure, RuntimeFailure
from skerry_executor.runtimes.none import NoRuntime
from skerry_wire.lifecycle import After
from skerry_wire.messages import Health, InstanceState
from skerry_wire.workload import HealthCheck, PortMapping

REMOTE = "registry.example/web:1"
DIGEST = "d" * 64


class Told:
    """What a client would have been told."""

    def __init__(self):
        self.outcomes = []
        self.watched = []

    def progress(self, outcome):
        self.outcomes.append(outcome)

    def watch(self, watched):
        for name, fd in watched:
            os.fstat(fd)  # it is open
            self.watched.append(name)

    def states(self, name):
        """Return the states of an instance, without repetitions."""
        seen = [one.state for o in self.outcomes for one in o.instances if one.id == name]
        return [s for n, s in enumerate(seen) if n == 0 or seen[n - 1] is not s]


def run(runtime, wanted, *, told=None, cancel=None, object_to=lambda _container: None, **parts):
    work = Convergence(
        wanted, DIGEST, runtime, cancel or Cancel(), told or Told(), object_to, **parts
    )
    return work.run()


def states(outcome):
    return {one.id: one.state for one in outcome.instances}


@pytest.fixture
def runtime():
    return FakeRuntime(images=[IMAGE], registry=[REMOTE])


def test_an_order_is_reached_and_told_step_by_step(runtime):
    told = Told()
    outcome = run(runtime, order(instance("a-0"), instance("b-0", image=REMOTE)), told=told)
    assert (outcome.accepted, outcome.digest, outcome.reached) == (1, DIGEST, True)
    assert (outcome.retry_after_s, outcome.problems) == (None, ())
    assert states(outcome) == {"a-0": "running", "b-0": "running"}
    assert told.states("b-0") == ["pending", "pulling", "creating", "running"]
    pulls = [one.pull for outcome in told.outcomes for one in outcome.instances if one.pull]
    assert {one.image for one in pulls} == {REMOTE}
    assert sorted({one.done_bytes for one in pulls}) == [0, 2**20]
    assert not any(one.pull for one in outcome.instances)
    assert not any(one.reached for one in told.outcomes)
    assert sorted(told.watched) == ["a-0", "b-0"]
    (status,) = (one for one in outcome.instances if one.id == "a-0")
    assert (status.runtime, status.workload, status.revision) == ("fake", "a", "1" * 16)
    assert status.reason is None
    assert len(status.container_ids) == 1


def test_the_same_order_again_changes_nothing_and_watches_again(runtime):
    wanted = order(instance("a-0"), instance("b-0"))
    run(runtime, wanted)
    before, told = len(runtime.changes()), Told()
    assert run(runtime, wanted, told=told).reached
    assert len(runtime.changes()) == before
    assert sorted(told.watched) == ["a-0", "b-0"]


def test_what_is_no_longer_ordered_is_stopped_and_removed(runtime):
    run(runtime, order(instance("a-0"), instance("b-0")))
    outcome = run(runtime, order(instance("b-0"), generation=2))
    assert outcome.reached
    assert states(outcome) == {"b-0": "running"}
    assert [verb for verb, _ in runtime.changes()][-2:] == ["stop", "remove"]


def test_containers_of_others_are_left_alone(runtime):
    runtime.create("mine", IMAGE, container(), {}, instance())
    foreign = instance("z-0")
    labels = specs.labels_of("box-2", foreign, foreign.containers[0])
    runtime.create("skerry-z-0-web", IMAGE, container(), labels, instance())
    before = len(runtime.changes())
    assert run(runtime, order()).reached
    assert len(runtime.changes()) == before


# --- failures -----------------------------------------------------------------------------


def test_an_image_that_cannot_be_pulled_fails_its_instance_only(runtime):
    missing = "registry.example/none:1"
    outcome = run(runtime, order(instance("a-0", image=missing), instance("b-0")))
    assert states(outcome) == {"a-0": "failed", "b-0": "running"}
    (failed,) = (one for one in outcome.instances if one.id == "a-0")
    why = f"image {missing} is not in its registry"
    assert failed.reason == f"image pull back-off of 10 s: {why}"
    assert not outcome.reached
    assert 10.0 <= outcome.retry_after_s <= 11.0, "when the back-off is over"


def test_the_old_one_keeps_running_while_its_new_image_cannot_be_had(runtime):
    run(runtime, order(instance()))
    wanted = order(instance(revision="2", image="registry.example/none:1"), generation=2)
    outcome = run(runtime, wanted)
    (status,) = outcome.instances
    assert (status.state, status.revision) == (InstanceState.RUNNING, "1" * 16)
    assert "is not in its registry" in status.reason
    assert not outcome.reached
    assert "stop" not in [verb for verb, _ in runtime.changes()]


def test_a_registry_that_is_away_keeps_no_box_from_starting_what_it_has(runtime):
    runtime.stored.add("registry.example/cached:1")
    wanted = instance(image="registry.example/cached:1", pull="always")
    assert run(runtime, order(wanted)).reached


def test_no_pull_begins_without_room_for_it(runtime):
    lacks = ["no room on disk: 3 MiB are free", None]
    wanted = order(instance("a-0", image=REMOTE), instance("b-0"))
    found = run(runtime, wanted, no_room=lambda: lacks[0])
    assert states(found) == {"a-0": "failed", "b-0": "running"}, "that image is there"
    (failed,) = (one for one in found.instances if one.id == "a-0")
    assert failed.reason == f"image {REMOTE} is not pulled: no room on disk: 3 MiB are free"
    assert (found.retry_after_s, found.retry_most_s) == (30.0, 30.0)
    assert ("pull", REMOTE) not in runtime.calls
    assert run(runtime, wanted, no_room=lambda: lacks[1]).reached, "no back-off is left of it"


def test_an_image_on_the_box_is_taken_where_there_is_no_room_for_another(runtime):
    runtime.stored.add(REMOTE)
    wanted = instance(image=REMOTE, pull="always")
    assert run(runtime, order(wanted), no_room=lambda: "no room on disk").reached
    assert ("pull", REMOTE) not in runtime.calls


def test_an_image_that_is_never_pulled_is_said(runtime):
    outcome = run(runtime, order(instance(image="localhost/none:1")))
    assert "images of localhost are never pulled" in outcome.instances[0].reason


def test_a_damaged_image_that_nobody_pulls_is_left_to_its_container_to_say(runtime):
    runtime.fails["has"] = RuntimeFailure(Failure.DAMAGED, "its layers are not there")
    assert run(runtime, order(instance("a-0", image=IMAGE))).reached


def test_a_pull_that_finds_the_store_damaged_is_done_again_from_nothing(runtime):
    failures = [RuntimeFailure(Failure.DAMAGED, "its layers are not there")]

    class Damaged(FakeRuntime):
        def pull(self, *args):
            if failures:
                raise failures.pop()
            super().pull(*args)

    damaged = Damaged(images=[IMAGE], registry=[REMOTE])
    assert run(damaged, order(instance("a-0", image=REMOTE))).reached
    verbs = [verb for verb, subject in damaged.changes() if subject == REMOTE]
    assert verbs == ["remove image", "pull"]


def test_a_port_in_use_is_said_and_heals(runtime):
    runtime.ports_taken.add(80)
    wanted = order(instance(ports=(PortMapping(host=80, container=80),)))
    outcome = run(runtime, wanted)
    assert states(outcome) == {"shop-web-0": "failed"}
    assert outcome.instances[0].reason == "port 80 is already in use on this box"
    assert outcome.retry_after_s == 5.0
    runtime.ports_taken.clear()
    assert run(runtime, wanted).reached


def test_what_ends_at_once_is_seen_with_its_exit_code(runtime):
    ending = {"command": ("/bin/sh", "-c", "exit 3")}
    outcome = run(
        runtime,
        order(
            instance("a-0", restart="no", **ending),
            instance("b-0", restart="always", **ending),
            instance("c-0", restart="no", command=("/bin/sh", "-c", "exit 0")),
        ),
    )
    assert states(outcome) == {"a-0": "exited", "b-0": "failed", "c-0": "exited"}
    assert [one.exit_code for one in outcome.instances] == [3, 3, 0]
    assert [one.reason for one in outcome.instances] == ["web ended with 3"] * 2 + [None]
    assert not outcome.reached


def test_what_the_box_objects_to_is_said_before_anything_is_stopped(runtime):
    run(runtime, order(instance()))
    refuse = lambda _container: RuntimeFailure(Failure.OTHER, "/srv is not on this box")  # noqa: E731
    outcome = run(runtime, order(instance(revision="2"), generation=2), object_to=refuse)
    assert outcome.instances[0].reason == "/srv is not on this box"
    assert outcome.instances[0].state is InstanceState.RUNNING
    assert "stop" not in [verb for verb, _ in runtime.changes()]


def test_the_box_is_asked_again_after_a_pull(runtime):
    def after_the_pull(_container):
        pulled = ("pull", REMOTE) in runtime.calls
        return RuntimeFailure(Failure.OTHER, "not any more") if pulled else None

    outcome = run(runtime, order(instance(image=REMOTE)), object_to=after_the_pull)
    assert outcome.instances[0].reason == "not any more"
    assert "create" not in [verb for verb, _ in runtime.changes()]


def test_a_runtime_that_is_missing_is_said_for_each_instance():
    missing = NoRuntime("no container runtime on this box: install podman")
    outcome = run(missing, order(instance("a-0"), instance("b-0")))
    assert outcome.problems == ("no container runtime on this box: install podman",)
    assert states(outcome) == {"a-0": "unknown", "b-0": "unknown"}
    assert (outcome.accepted, outcome.reached, outcome.retry_after_s) == (1, False, 30.0)


def test_what_cannot_be_removed_is_a_problem_of_the_box(runtime):
    run(runtime, order(instance("a-0")))
    runtime.fails["remove"] = RuntimeFailure(Failure.OTHER, "device or resource busy")
    outcome = run(runtime, order(generation=2))
    assert outcome.problems == ("a-0 cannot be removed: device or resource busy",)
    assert not outcome.reached


def test_an_error_nobody_foresaw_fails_its_instance_only(runtime):
    def object_to(wanted):
        if wanted.name == "odd":
            raise KeyError("odd")

    odd = instance("a-0", containers=[container("odd")])
    outcome = run(runtime, order(odd, instance("b-0")), object_to=object_to)
    assert states(outcome) == {"a-0": "failed", "b-0": "running"}
    assert outcome.instances[0].reason == "executor: KeyError: 'odd'"


# --- after a power cut --------------------------------------------------------------------


def test_what_was_created_and_not_started_is_started(runtime):
    wanted = instance()
    labels = specs.labels_of(NODE, wanted, wanted.containers[0])
    runtime.create("skerry-shop-web-0-web", IMAGE, wanted.containers[0], labels, wanted)
    assert run(runtime, order(wanted)).reached
    assert [verb for verb, _ in runtime.changes()] == ["create", "start"]


class Late(FakeRuntime):
    """Lists nothing at first, as when a cut-off creation ends after the list was taken."""

    def containers(self, node):
        found = super().containers(node)
        return () if [verb for verb, _ in self.calls].count("list") == 1 else found


@pytest.mark.parametrize(
    ("revision", "verbs"),
    [("1", ["create", "create", "start"]), ("2", ["create", "create", "stop", "remove", "create",
                                                 "start"])],
)  # fmt: skip
def test_a_name_that_is_ours_already_is_taken_over(revision, verbs):
    runtime = Late(images=[IMAGE])
    there = instance(revision=revision)
    labels = specs.labels_of(NODE, there, there.containers[0])
    runtime.create("skerry-shop-web-0-web", IMAGE, there.containers[0], labels, there)
    assert run(runtime, order(instance())).reached
    assert [verb for verb, _ in runtime.changes()] == verbs


def test_a_name_that_somebody_else_has_is_left_to_him(runtime):
    runtime.create("skerry-shop-web-0-web", IMAGE, container(), {}, instance())
    outcome = run(runtime, order(instance()))
    assert "a container that is not ours has the name" in outcome.instances[0].reason
    assert [verb for verb, _ in runtime.changes()] == ["create", "create"]


# --- giving up ----------------------------------------------------------------------------


def test_nothing_begins_once_something_newer_came(runtime):
    cancel = Cancel()
    cancel.ask()
    with pytest.raises(Cancelled):
        run(runtime, order(instance()), cancel=cancel)
    assert runtime.changes() == []


def test_a_survey_changes_nothing(runtime):
    run(runtime, order(instance()))
    (one,) = runtime.containers(NODE)
    runtime.put(one, phase=Phase.EXITED, exit_code=1, pid=None)
    before = len(runtime.changes())
    work = Convergence(
        order(instance("a-0")), DIGEST, runtime, Cancel(), Told(), lambda _container: None
    )
    outcome = work.survey()
    assert states(outcome) == {"a-0": "pending", "shop-web-0": "stopping"}
    assert len(runtime.changes()) == before


def test_only_what_is_ordered_no_more_ends_where_the_rest_is_only_looked_at(runtime):
    port = (PortMapping(host=80, container=80),)
    run(runtime, order(instance("a-0", ports=port), instance("b-0")))
    # Its port would be given up before all else, for one that is made.
    wanted = order(instance("a-0", revision="2"), instance("c-0", ports=port))
    work = Convergence(wanted, DIGEST, runtime, Cancel(), Told(), lambda _container: None)
    assert states(work.end_unwanted()) == {"a-0": "running", "c-0": "pending"}
    assert [one.instance for one in runtime.containers(NODE)] == ["a-0"]


def test_hundreds_of_instances_are_told_seldom(runtime):
    told = Told()
    assert run(runtime, order(*(instance(f"a-{n}") for n in range(200))), told=told).reached
    assert 0 < len(told.outcomes) < 200
    assert len(told.watched) == 200


def test_no_descriptor_is_left_open(runtime):
    before = len(os.listdir("/proc/self/fd"))
    run(runtime, order(*(instance(f"a-{n}") for n in range(20))))
    run(runtime, order(*(instance(f"a-{n}") for n in range(20))))
    assert len(os.listdir("/proc/self/fd")) == before


def test_the_worst_container_speaks_for_its_instance(runtime):
    parts = [container("good"), container("bad", command=("/bin/sh", "-c", "exit 1"))]
    outcome = run(runtime, order(instance(containers=parts)))
    (status,) = outcome.instances
    assert (status.state, status.reason) == (InstanceState.FAILED, "bad ended with 1")
    assert len(status.container_ids) == 2
    (good,) = (one for one in runtime.containers(NODE) if one.container == "good")
    runtime.put(good, phase=Phase.PAUSED)
    again = run(runtime, order(instance(containers=parts)))
    assert {one.state for one in again.instances} == {InstanceState.FAILED}
    fine = dataclasses.replace(parts[1], command=("/bin/sleep", "1"))
    paused = run(runtime, order(instance(containers=[parts[0], fine])))
    assert paused.instances[0].reason == "good was paused on the box"


class Healing(FakeRuntime):
    """Says of what has a check that it is healthy, from the third look on."""

    def containers(self, node):
        found = super().containers(node)
        if [verb for verb, _ in self.calls].count("list") < 3:
            return found
        return tuple(
            dataclasses.replace(one, health=Health.HEALTHY)
            if one.health is Health.STARTING
            else one
            for one in found
        )


def test_a_run_stays_with_what_starts_one_after_another():
    runtime = Healing(images=[IMAGE])
    parts = [
        container("db", health=HealthCheck(command=("/bin/true",))),
        container("web", after=(After(container="db", condition="healthy"),)),
    ]
    told = Told()
    outcome = run(runtime, order(instance(containers=parts)), told=told)
    assert outcome.reached
    assert told.watched == ["shop-web-0"] * 2, "each pidfd is handed over once"
    assert [one for one in runtime.changes() if one[0] == "start"] == [
        ("start", "skerry-shop-web-0-db"),
        ("start", runtime.container("skerry-shop-web-0-web").id),
    ]


def test_a_run_does_not_stay_for_ever():
    parts = [
        container("db", health=HealthCheck(command=("/bin/true",))),
        container("web", after=(After(container="db", condition="healthy"),)),
    ]
    runtime = FakeRuntime(images=[IMAGE])
    work = Convergence(order(instance(containers=parts)), DIGEST, runtime, Cancel(), Told(),
                       lambda _: None, patience_s=0.3)  # fmt: skip
    (status,) = work.run().instances
    assert status.reason == "web waits for db to be healthy: starting"
    cancel = Cancel()
    threading.Timer(0.1, cancel.ask).start()
    work = Convergence(order(instance(containers=parts)), DIGEST, runtime, cancel, Told(),
                       lambda _: None, patience_s=60)  # fmt: skip
    with pytest.raises(Cancelled):
        work.run()


def test_one_that_is_made_anew_does_not_wait_for_what_the_one_before_it_failed_at(runtime):
    backoffs = BackOffs()
    failed = run(runtime, order(instance("a-0", command=("/nothere",))), backoffs=backoffs)
    assert failed.instances[0].reason.startswith("start back-off of 10 s: ")
    assert run(runtime, order(instance("a-0", revision="2")), backoffs=backoffs).reached


def test_what_keeps_ending_rests_and_is_started_again_later(runtime):
    clock = [100.0]
    backoffs = BackOffs(clock=lambda: clock[0], draw=lambda: 0.0)
    wanted = order(instance("a-0", command=("/bin/sh", "-c", "exit 3")), instance("b-0"))

    def visit():
        work = Convergence(
            wanted, DIGEST, runtime, Cancel(), Told(), lambda _: None, backoffs=backoffs
        )
        return work.run()

    for _ in range(3):
        visit()
        clock[0] += 2
    before = len([one for one in runtime.calls if one[0] == "start"])
    outcome = visit()
    assert states(outcome) == {"a-0": "failed", "b-0": "running"}
    (status,) = (one for one in outcome.instances if one.id == "a-0")
    assert status.reason == "crash loop back-off of 10 s: exit 3, 3 restarts"
    assert (status.exit_code, status.restarts, status.started_at) == (3, 3, None)
    assert outcome.look_after_s == outcome.retry_after_s == 10.0
    assert len([one for one in runtime.calls if one[0] == "start"]) == before
    clock[0] += 10
    told = visit()
    assert len([one for one in runtime.calls if one[0] == "start"]) == before + 1
    # That it ended again is seen in the same visit.
    (later,) = (one for one in told.instances if one.id == "a-0")
    assert later.reason == "crash loop back-off of 20 s: exit 3, 4 restarts"
    assert told.look_after_s == 20.0


def test_what_its_runtime_restarts_all_the_time_is_stopped_for_its_rest(runtime):
    backoffs = BackOffs(clock=lambda: 100.0, draw=lambda: 0.0)
    wanted = order(instance("a-0", restart="on-failure"))

    def visit():
        work = Convergence(
            wanted, DIGEST, runtime, Cancel(), Told(), lambda _: None, backoffs=backoffs
        )
        return work.run()

    assert visit().reached
    name = specs.name_of("a-0", "web")
    runtime.put(runtime.container(name), restarts=1)
    visit()
    runtime.put(runtime.container(name), restarts=40)
    outcome = visit()
    assert ("stop", runtime.container(name).id) in runtime.calls
    assert runtime.container(name).phase is Phase.EXITED
    assert not outcome.reached
    assert outcome.instances[0].reason == "crash loop back-off of 10 s: 41 restarts"


@pytest.mark.parametrize("look", [Convergence.survey, Convergence.end_unwanted])
@pytest.mark.parametrize(
    ("image", "why"),
    [(REMOTE, "no such image"), ("localhost/gone:1", "localhost are never pulled")],
)
def test_what_is_only_looked_at_is_told_with_why_it_failed_before(runtime, look, image, why):
    backoffs = BackOffs()
    wanted = order(instance("a-0", containers=(container(image=image),)), instance("b-0"))
    runtime.fails["pull"] = RuntimeFailure(Failure.PULL, "no such image")
    (failed, _) = run(runtime, wanted, backoffs=backoffs).instances
    assert failed.reason.endswith(why)
    work = Convergence(
        wanted, DIGEST, runtime, Cancel(), Told(), lambda _container: None, backoffs=backoffs
    )
    (again, well) = look(work).instances
    assert (again.state, again.reason) == (failed.state, failed.reason)
    assert (well.state, well.reason) == (InstanceState.RUNNING, None)
