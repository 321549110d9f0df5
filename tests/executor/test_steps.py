"""A store that a power cut damaged: containers are made anew, images pulled anew. And failures."""

import dataclasses

import pytest
from tests.executor.fake_runtime import FakeRuntime
from tests.executor.orders import IMAGE, container, instance, order
from tests.executor.test_converge import DIGEST, Told
from tests.executor.test_switches import Kept
from tests.executor.test_switching import at

from skerry_executor.actual import Phase
from skerry_executor.cancel import Cancel
from skerry_executor.converge import Convergence
from skerry_executor.pulled_images import PulledImages
from skerry_executor.runtimes.base import Failure, RuntimeFailure
from skerry_executor.specs import spec_of
from skerry_executor.switches import Switches
from skerry_executor.switching import Entry, content_of
from skerry_wire.lifecycle import Switch

REMOTE = "registry.example/web:1"
SAYS = "the runtime's store is damaged"


class Damaged(FakeRuntime):
    """What is made of an image in `rotten` is damaged; a pull takes what is there as it is."""

    def __init__(self, *rotten, registry=(REMOTE,)):
        super().__init__(images=[IMAGE, REMOTE], registry=registry)
        self.rotten = set(rotten)
        self.brittle = set()
        """Those that look well, and of which only a start finds that they are damaged."""

    def create(self, name, image, container, labels, instance):
        reference = super().create(name, image, container, labels, instance)
        self.brittle.discard(name)
        if image in self.rotten:
            self.damage(name)
        return reference

    def damage(self, name):
        self.put(self._find(name), phase=Phase.DAMAGED, error=SAYS)

    def container(self, reference):
        found = super().container(reference)
        if found is not None and found.phase is Phase.DAMAGED:
            raise RuntimeFailure(Failure.DAMAGED, f"{SAYS}: looking at {reference}")
        return found

    def start(self, reference):
        if self._find(reference).phase is Phase.DAMAGED:
            raise RuntimeFailure(Failure.OTHER, "no such file")
        if self._find(reference).name in self.brittle:
            raise RuntimeFailure(Failure.DAMAGED, SAYS)
        super().start(reference)

    def remove_image(self, reference):
        super().remove_image(reference)
        self.rotten -= {reference} - self.stored


@pytest.fixture
def boot(tmp_path):
    place = tmp_path / "proc/sys/kernel/random"
    place.mkdir(parents=True)

    def begin(name):
        (place / "boot_id").write_text(name)
        return PulledImages(tmp_path, tmp_path)

    return begin


def run(runtime, pulled, *instances, switches=None):
    return Convergence(
        order(*instances),
        DIGEST,
        runtime,
        Cancel(),
        Told(),
        lambda _: None,
        pulled=pulled,
        switches=switches,
    ).run()


def states(outcome):
    return {one.id: one.state.value for one in outcome.instances}


def test_a_damaged_container_is_made_anew_and_the_others_are_left_alone(boot):
    runtime, both = Damaged(), (instance("a-0"), instance("b-0"))
    run(runtime, boot("1"), *both)
    runtime.damage("skerry-a-0-web")
    before = len(runtime.changes())
    outcome = run(runtime, boot("1"), *both)
    assert (outcome.reached, states(outcome)) == (True, {"a-0": "running", "b-0": "running"})
    verbs = [verb for verb, _ in runtime.changes()[before:]]
    assert verbs == ["remove", "create", "start"]


def test_what_went_back_is_made_anew_as_what_it_went_back_to(boot):
    """The order says the new revision still; what is to run by now is the former one."""
    old, new = (
        dataclasses.replace(instance("a-0", image=image, revision=revision), switch=Switch())
        for image, revision in ((IMAGE, "1"), (REMOTE, "2"))
    )
    runtime = Damaged()
    run(runtime, boot("1"), old)
    (first,) = runtime.containers(order().node)
    runtime.put(first, phase=Phase.EXITED, exit_code=1)
    runtime.brittle.add(first.name)
    back = Entry(earlier=old, phase="rolled_back", tried=content_of(new), reason="it ended")
    switches = Switches(2, Kept(a_0=back), lambda: at(1050.0))
    outcome = run(runtime, boot("1"), new, switches=switches)
    assert states(outcome) == {"a-0": "running"}
    assert ("create", "skerry-a-0-web") in runtime.changes()[-2:]
    (found,) = runtime.containers(order().node)
    assert found.spec == spec_of(old, old.containers[0])


def test_a_damaged_image_is_removed_and_pulled_anew(boot):
    runtime, wanted = Damaged(REMOTE), instance("a-0", image=REMOTE)
    assert states(run(runtime, boot("1"), wanted)) == {"a-0": "failed"}, "nobody knows yet"
    outcome = run(runtime, boot("1"), wanted)
    assert (outcome.reached, states(outcome)) == (True, {"a-0": "running"})
    assert runtime.changes()[-6:-1] == [
        ("pull", REMOTE),
        ("remove", "skerry-a-0-web"),
        ("remove image", REMOTE),
        ("pull", REMOTE),
        ("create", "skerry-a-0-web"),
    ]


@pytest.mark.parametrize(
    ("image", "changes", "words"),
    [
        (IMAGE, {}, f"image {IMAGE} is damaged on this box, and is never pulled: remove it"),
        (REMOTE, {"pull": "never"}, "is never pulled"),
        (REMOTE, {}, f"image {REMOTE} is damaged on this box: image {REMOTE} is not in its"),
    ],
)
def test_a_damaged_image_that_cannot_be_had_is_said_and_kept(boot, image, changes, words):
    runtime, wanted = Damaged(image, registry=()), instance("a-0", image=image, **changes)
    for _ in range(3):
        outcome = run(runtime, boot("1"), wanted, instance("b-0"))
    (status,) = (one for one in outcome.instances if one.id == "a-0")
    assert words in status.reason
    assert (outcome.retry_after_s, image in runtime.stored) == (15.0, True)


def test_an_image_whose_pull_a_power_cut_ended_is_pulled_anew_before_it_is_used(boot):
    runtime, wanted = Damaged(REMOTE), instance("a-0", image=REMOTE)
    with pytest.raises(SystemExit), boot("1").pulling(FakeRuntime(), REMOTE):
        raise SystemExit
    assert run(runtime, boot("2"), wanted).reached
    calls = [one for one in runtime.changes() if "create" not in one[0]]
    assert calls[:3] == [("pull", REMOTE), ("remove image", REMOTE), ("pull", REMOTE)]
    before = len(runtime.changes())
    run(runtime, boot("3"), dataclasses.replace(wanted, id="b-0"))
    assert "pull" not in [verb for verb, _ in runtime.changes()[before:]]


def test_what_a_power_cut_may_have_damaged_is_not_used_while_the_registry_is_away(boot):
    runtime = Damaged(REMOTE, registry=())
    with pytest.raises(SystemExit), boot("1").pulling(FakeRuntime(), REMOTE):
        raise SystemExit
    outcome = run(runtime, boot("2"), instance("a-0", image=REMOTE))
    assert "is not in its registry" in outcome.instances[0].reason
    assert (REMOTE in runtime.stored, "create" in dict(runtime.calls)) == (True, False)


def test_one_in_use_is_taken_as_it_is(boot):
    runtime = Damaged()
    run(runtime, boot("1"), instance("b-0", image=REMOTE))
    with pytest.raises(SystemExit), boot("1").pulling(FakeRuntime(), REMOTE):
        raise SystemExit
    wanted = instance("a-0", image=REMOTE), instance("b-0", image=REMOTE)
    assert run(runtime, boot("2"), *wanted).reached


# --- what others hold on to ---------------------------------------------------------------


class Joined(FakeRuntime):
    """It removes nothing whose network another container has, which it does not tell at first."""

    hides = False

    def containers(self, node):
        found = super().containers(node)
        if self.hides:
            self.hides = False
            return tuple(dataclasses.replace(one, joined=None) for one in found)
        return found

    def join(self, name, owner):
        self.put(self._find(name), joined=self._find(owner).id)

    def remove(self, reference):
        owner = self._find(reference)
        if any(one.joins(owner) for one in self._by_name.values()):
            raise RuntimeFailure(Failure.JOINED, f"removing {reference}: has dependent containers")
        super().remove(reference)


def test_who_has_the_network_of_one_that_goes_is_removed_first(boot):
    runtime = Joined(images=[IMAGE])
    pair = instance(containers=[container("web"), container("side")])
    boots = boot("a")
    assert run(runtime, boots, pair).reached
    runtime.join("skerry-shop-web-0-side", "skerry-shop-web-0-web")
    runtime.hides = True
    assert run(runtime, boots).reached
    assert runtime.containers("box-1") == ()


def test_a_failed_start_is_told_the_same_by_name_and_by_id(boot):
    runtime = FakeRuntime(images=[IMAGE])

    def start(reference):
        raise RuntimeFailure(Failure.PORT_IN_USE, f"starting {reference}: port 80 is in use")

    runtime.start = start
    told = [run(runtime, boot("a"), instance()).instances[0].reason for _ in range(2)]
    assert told == ["starting skerry-shop-web-0-web: port 80 is in use"] * 2


def test_a_failure_names_the_container_and_not_its_id(boot):
    runtime = FakeRuntime(images=[IMAGE])
    assert run(runtime, boot("a"), instance()).reached
    (web,) = runtime.containers("box-1")
    runtime.fails["stop"] = RuntimeFailure(Failure.OTHER, f"stopping {web.id}: {web.id} hangs")
    failed = run(runtime, boot("a"), instance(revision="2"))
    assert failed.instances[0].reason == f"stopping {web.name}: {web.name} hangs"
