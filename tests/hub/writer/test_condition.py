"""Since when a part of the hub works, and why it does not."""

from skerry_hub.health_views import PartView
from skerry_hub.writer.condition import CALM_S, Condition

NOW = 1_000_000.0


def test_the_first_moment_counts_and_the_newest_reason():
    part = Condition("store", NOW)
    part.works(NOW + 5)
    assert part.view == PartView(name="store", ok=True, since=NOW)
    part.fails("the disk is full", NOW + 10)
    part.fails("it is locked", NOW + 20)
    assert part.view == PartView(name="store", ok=False, since=NOW + 10, reason="it is locked")
    part.works(NOW + 30)
    part.works(NOW + 40)
    assert part.view == PartView(name="store", ok=True, since=NOW + 30)


def test_what_began_before_it_was_noticed_is_told_from_then():
    part = Condition("broker", NOW)
    part.fails("connection lost", NOW + 100, since=NOW + 95)
    part.fails("connection refused", NOW + 110, since=NOW + 95)
    assert (part.view.since, part.view.reason) == (NOW + 95, "connection refused")


def test_what_answers_a_question_may_still_refuse_to_write():
    part = Condition("store", NOW)
    part.fails("the disk is full", NOW)
    part.seems_to_work(NOW + CALM_S - 1)
    assert not part.view.ok
    part.seems_to_work(NOW + CALM_S)
    assert part.view.ok


def test_a_part_may_begin_without_working():
    assert Condition("broker", NOW, "not connected yet").view.reason == "not connected yet"
