"""What failed again and again is remembered, also by the next run of the executor."""

import dataclasses

import pytest
from tests.executor.orders import instance
from tests.executor.test_backoff import seen

from skerry_executor import backoff, backoffs, specs
from skerry_executor.actual import Phase
from skerry_executor.backoff import Kept
from skerry_executor.backoffs import BackOffs
from skerry_executor.runtimes.base import Failure, RuntimeFailure
from skerry_executor.start_order import should_start
from skerry_wire import codec

IMAGE = "registry.example/web:1"
BOOT = "11111111-2222-3333-4444-555555555555"


class Clock:
    def __init__(self):
        self.now_s = 1000.0

    def __call__(self):
        return self.now_s


@pytest.fixture
def root(tmp_path):
    path = tmp_path / "root/proc/sys/kernel/random"
    path.mkdir(parents=True)
    (path / "boot_id").write_text(BOOT + "\n")
    return tmp_path / "root"


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def box(tmp_path, root, clock):
    """Return what makes the back-offs of another run on the same box."""
    return lambda: BackOffs(tmp_path / "run", root, clock, lambda: 0.0)


def pull(found, wanted, why="connection refused", kind=Failure.PULL):
    with pytest.raises(RuntimeFailure) as raised, found.pulling(IMAGE, [wanted]):
        raise RuntimeFailure(kind, why)
    return raised.value


def may_pull(found, wanted):
    try:
        with found.pulling(IMAGE, [wanted]):
            return True
    except RuntimeFailure:
        return False


def looping(found, clock, restarts=0):
    """Have a container end until it rests."""
    wanted = instance("a-0")
    spec = specs.spec_of(wanted, wanted.containers[0])
    for number in range(3):
        one = dataclasses.replace(seen(Phase.EXITED, restarts + number, 1), spec=spec)
        clock.now_s += 1
        told = found.look([wanted], [one], spaces_restarts=False)
    return wanted, told[0]


def test_a_pull_that_failed_is_not_tried_again_at_once(box, clock):
    wanted, found = instance("a-0", image=IMAGE), box()
    failure = pull(found, wanted)
    assert failure.reason == "image pull back-off of 10 s: connection refused"
    assert failure.wait_s == 10.0
    clock.now_s += 4
    with pytest.raises(RuntimeFailure) as raised, found.pulling(IMAGE, [wanted]):
        pytest.fail("it was tried")
    assert (raised.value.reason, raised.value.wait_s) == (failure.reason, 6.0)
    assert not may_pull(box(), wanted)  # the next run of the executor knows
    clock.now_s += 6
    assert pull(box(), wanted).wait_s == 20.0


def test_a_success_and_a_changed_order_begin_anew(box, clock):
    wanted, found = instance("a-0", image=IMAGE), box()
    pull(found, wanted)
    assert may_pull(found, instance("a-0", revision="2", image=IMAGE))
    assert may_pull(found, wanted)  # for it has been pulled by now
    assert pull(found, wanted).wait_s == 10.0


def test_only_what_a_registry_refuses_waits(box):
    wanted, found = instance("a-0", image=IMAGE), box()
    assert pull(found, wanted, kind=Failure.DISK_FULL).wait_s is None
    assert may_pull(found, wanted)


def test_a_start_of_the_box_forgets(box, root):
    wanted = instance("a-0", image=IMAGE)
    pull(box(), wanted)
    (root / "proc/sys/kernel/random/boot_id").write_text(BOOT.replace("1", "9"))
    assert may_pull(box(), wanted)


def test_a_damaged_file_costs_one_try(box, tmp_path):
    wanted = instance("a-0", image=IMAGE)
    pull(box(), wanted)
    (tmp_path / "run" / backoffs.FILE).write_bytes(b"\xc1")
    assert may_pull(box(), wanted)


def test_a_kind_of_another_version_costs_one_try(box, tmp_path):
    wanted = instance("a-0", image=IMAGE)
    pull(box(), wanted)
    file = tmp_path / "run" / backoffs.FILE
    kept = codec.decode(Kept, file.read_bytes())
    failing = tuple(dataclasses.replace(one, kind="of_tomorrow") for one in kept.failing)
    file.write_bytes(codec.pack(dataclasses.replace(kept, failing=failing)))
    assert may_pull(box(), wanted)


def test_a_container_that_is_made_anew_is_started_at_once(box):
    found = box()
    with pytest.raises(RuntimeFailure), found.starting("skerry-a-0-web"):
        raise RuntimeFailure(Failure.OTHER, "no such program")
    with pytest.raises(RuntimeFailure, match="start back-off of 10 s: no such program"):
        found.starting("skerry-a-0-web").__enter__()
    found.made("skerry-a-0-web")
    with found.starting("skerry-a-0-web"):
        pass


def test_what_rests_is_known_to_the_next_run(box, clock, tmp_path, root):
    looping(box(), clock)
    found = box()
    assert found.resting() == ("c1",)
    assert found.next_s() == 10.0
    assert backoffs.is_held(tmp_path / "run", root)
    found.started(seen(Phase.RUNNING))
    assert (found.resting(), found.next_s()) == ((), backoff.LOOK_S)
    clock.now_s += backoff.LOOP_S
    assert found.next_s() is None
    assert not backoffs.is_held(tmp_path / "run", root)


def test_what_is_ordered_no_more_is_forgotten(box, clock):
    found = box()
    looping(found, clock)
    found.look([], [seen(Phase.EXITED, 3, 1)], spaces_restarts=False)
    assert (found.resting(), found.looping()) == ((), {})


def test_whoever_restarts_an_instance_ends_its_waits(box, clock):
    found = box()
    wanted, told = looping(found, clock)
    assert not found.forget(wanted, [told])  # no pull, no start
    assert found.resting() == ()
    pulled = instance("b-0", image=IMAGE)
    pull(found, pulled)
    assert found.forget(pulled, [])
    assert may_pull(found, pulled)


def test_retries_that_nobody_else_counts_come_to_an_end(box, clock):
    wanted = instance("a-0", restart="on-failure", restart_retries=2)
    (container,) = wanted.containers
    spec = specs.spec_of(wanted, container)

    def runs_until_it_gives_up(found):
        for number in range(9):
            clock.now_s += 1
            one = dataclasses.replace(seen(Phase.EXITED, 0, 3), spec=spec)
            (told,) = found.look([wanted], [one], spaces_restarts=False, counts_retries=False)
            if not should_start(container, told):
                return number + 1, told.restarts
            found.started(seen(Phase.RUNNING))
        pytest.fail("it is started for ever")

    assert runs_until_it_gives_up(box()) == (3, 2)
    found = box()
    assert not found.forget(wanted, [seen(Phase.EXITED, 0, 3)])
    assert runs_until_it_gives_up(found) == (3, 2)


def test_without_a_folder_this_process_remembers():
    found = BackOffs()
    pull(found, instance("a-0", image=IMAGE))
    assert not may_pull(found, instance("a-0", image=IMAGE))


def test_what_loops_together_is_not_started_all_at_once(box, clock):
    found = box()
    wanted = [instance(f"a-{number}") for number in range(50)]
    loops = [
        dataclasses.replace(
            seen(Phase.EXITED, 3), id=f"c-{number}", instance=one.id,
            spec=specs.spec_of(one, one.containers[0]),
        )
        for number, one in enumerate(wanted)
    ]  # fmt: skip
    found.look(wanted, [dataclasses.replace(one, restarts=0) for one in loops],
               spaces_restarts=False)  # fmt: skip
    clock.now_s += 1
    found.look(wanted, loops, spaces_restarts=False)
    ends = sorted(one.look_s for one in found.looping().values())
    assert ends == [backoff.FIRST_S + number * backoff.APART_S for number in range(50)]
    found.look(wanted, loops, spaces_restarts=False)
    assert sorted(one.look_s for one in found.looping().values()) == ends
