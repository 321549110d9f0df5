"""Who is next, and why nobody is."""

from tests.hub.rollout.situations import at, names, rollout, seen, waiting

from skerry_hub.lifecycle import Update
from skerry_hub.rollout.waves import next_turn, wave_order


def turn(members, words, update=None, **fields):
    members = {one.id: one for one in members}
    looks = {key: seen(word) for key, word in zip(members, words.split(), strict=True)}
    return next_turn(rollout(len(members), **fields), update or Update(), members, looks)


def test_nodes_without_the_label_are_the_last_wave():
    assert sorted(["b", "", "a"], key=wave_order) == ["a", "b", ""]


def test_those_that_another_rollout_was_at_are_next():
    members = [*map(waiting, names(3)), waiting("shop-web-3", was_updating=True)]
    assert turn(members, "old old old old").members == ("shop-web-3",)


def test_one_that_is_held_back_or_away_takes_no_place():
    members = [waiting(), at("shop-web-1", held=True), at("shop-web-2", away=True)]
    assert turn(members, "old held away").members == ("shop-web-0",)


def test_it_is_blocked_where_those_that_do_not_run_are_not_its_own_to_update():
    members = [waiting(), at("shop-web-1", state="done"), at("shop-web-2", state="failed")]
    found = turn(members, "old new! old")
    assert (found.members, found.blocked) == ((), True)
    found = turn(members, "old new old")
    assert (found.members, found.blocked) == (("shop-web-0",), False)


def test_a_canary_of_which_one_is_held_back_tries_another():
    update = Update(strategy="canary", canary="1", max_unavailable="3")
    members = [at(held=True), waiting("shop-web-1"), waiting("shop-web-2")]
    assert turn(members, "held old old", update, strategy="canary").members == ("shop-web-1",)
