"""What counts as nearer to the new content."""

import dataclasses

import pytest
from tests.hub.records import NOW
from tests.hub.rollout.situations import NEW, at, seen

from skerry_hub.rollout.progress import nearer
from skerry_hub.rollout.records import MOST_IMAGES
from skerry_wire.lifecycle import PullStatus

LATER = NOW + 50


def pulling(image, done_bytes):
    return dataclasses.replace(seen("old"), pull=PullStatus(image=image, done_bytes=done_bytes))


def after(member, *looks):
    for one in looks:
        member = nearer(member, one, NEW, LATER)
    return member


@pytest.mark.parametrize("word", ["old", "silent", "waiting", "held", "new!", "refused"])
def test_nothing_new_is_no_progress(word):
    member = at()
    assert nearer(member, seen(word), NEW, LATER) is member


@pytest.mark.parametrize("word", ["made", "switching"])
def test_that_it_begins_is_progress_once(word):
    begun = nearer(at(), seen(word), NEW, LATER)
    assert (begun.begun, begun.since) == (True, LATER)
    assert nearer(begun, seen("waiting"), NEW, LATER + 1) is begun
    assert nearer(begun, seen("made"), NEW, LATER + 1) is begun


def test_a_container_of_another_revision_is_no_beginning():
    member = at()
    former = dataclasses.replace(seen("old"), made=True)
    assert nearer(member, former, NEW, LATER) is member


def test_more_bytes_of_an_image_are_progress_and_the_same_again_are_not():
    member = after(at(), pulling("a", 0), pulling("a", 5), pulling("b", 1))
    assert [(one.image, one.done_bytes) for one in member.pulled] == [("a", 5), ("b", 1)]
    for again in (pulling("a", 0), pulling("a", 5), pulling("b", 1)):
        assert nearer(member, again, NEW, LATER + 1) is member
    more = nearer(member, pulling("a", 6), NEW, LATER + 1)
    assert (more.since, more.pulled[0].done_bytes) == (LATER + 1, 6)


def test_on_another_box_it_begins_anew():
    begun = after(at(), pulling("a", 5), seen("made"))
    assert begun.node == "box-1"
    moved = dataclasses.replace(seen("silent"), node="box-2")
    anew = nearer(begun, moved, NEW, LATER + 1)
    assert (anew.begun, anew.pulled, anew.since) == (False, (), LATER + 1)
    assert nearer(anew, moved, NEW, LATER + 2) is anew
    there = nearer(anew, dataclasses.replace(seen("made"), node="box-2"), NEW, LATER + 2)
    assert (there.begun, there.node, there.since) == (True, "box-2", LATER + 2)


def test_ever_other_images_are_no_progress_for_ever():
    full = after(at(), *(pulling(f"image-{number}", 1) for number in range(MOST_IMAGES)))
    assert nearer(full, pulling("another", 1), NEW, LATER + 1) is full
