"""Which image an instance runs, whatever is wanted of it."""

from tests.hub.records import assignment, changed, kept, node, report, settled, status, work_on
from tests.hub.records import workload as content

from skerry_hub import desired
from skerry_hub.lifecycle import Finished
from skerry_hub.rollout.images import earlier_revisions
from skerry_hub.showing import instances_of, instances_on
from skerry_hub.state import Known
from skerry_wire.messages import InstanceState

FIRST_MADE = "a" * 32
FIRST, SECOND, THIRD = (content(image=f"localhost/web:{number}") for number in (1, 2, 3))


def applied(known, *contents):
    for one in contents:
        work = work_on(known)
        desired.apply(work, [one], prune=False)
        known = settled(known, work.draft)
    return known


def running(revision):
    """Return a fleet that wants the third revision, with one box that runs another."""
    known = applied(Known([node()]), FIRST, SECOND, THIRD)
    told = report(instances=(status(revision=revision),))
    known.nodes["box-1"] = changed(known.nodes["box-1"], report=told)
    return known


def seen(known):
    (view,) = instances_of(known, known.workloads["shop-web"])
    return view.image, view.current


def test_the_image_is_that_of_what_runs():
    assert seen(running(FIRST.revision)) == ("localhost/web:1", False)
    assert seen(running(SECOND.revision)) == ("localhost/web:2", False)
    assert seen(running(THIRD.revision)) == ("localhost/web:3", True)


def test_no_image_is_told_of_a_revision_that_is_not_known():
    assert seen(running("f" * 16)) == (None, False)


def test_what_does_not_run_yet_has_the_image_and_revision_of_its_order():
    known = applied(Known([node()]), FIRST, SECOND)
    (view,) = instances_of(known, known.workloads["shop-web"])
    assert (view.image, view.revision) == ("localhost/web:1", FIRST.revision)


def test_what_is_not_wanted_there_any_more_has_its_image_too():
    known = running(SECOND.revision)
    told = report(instances=(status("shop-web-7", revision=SECOND.revision),))
    box = changed(known.nodes["box-1"], report=told)
    assert [one.image for one in instances_on(known, box)] == ["localhost/web:1", "localhost/web:2"]


def test_images_go_with_their_workload():
    known = running(FIRST.revision)
    work = work_on(known)
    desired.delete(work, "shop-web")
    assert settled(known, work.draft).updates.images == {}


def test_the_revisions_that_nodes_tell_of_and_are_not_the_newest():
    told = status(revision=FIRST.revision), status("shop-web-1"), status("other-0")
    ended = status("shop-web-2", state=InstanceState.EXITED, revision=SECOND.revision)
    done = assignment("shop-web-2", finished=Finished(incarnation=FIRST_MADE, status=ended))
    boxes = [node(report=report(instances=told))]
    assert earlier_revisions(Known(boxes, [kept()])) == {}
    found = earlier_revisions(Known(boxes, [kept(image="localhost/web:3")], [done]))
    assert found == {"shop-web": {FIRST.revision, SECOND.revision}}
