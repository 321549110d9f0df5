"""Who is next, and why nobody is."""

from tests.hub.records import NOW, assignment, changed
from tests.hub.rollout.situations import OLD, at, names, rollout, seen, waiting

from skerry_hub.lifecycle import Update
from skerry_hub.rollout.waves import HELD_TURN_S, next_turn, wave_order


def turn(members, words, update=None, passed_s=0.0, **fields):
    members = {one.id: one for one in members}
    looks = {key: seen(word) for key, word in zip(members, words.split(), strict=True)}
    update = update or Update()
    return next_turn(rollout(len(members), **fields), update, members, looks, NOW + passed_s)


def holding(name="shop-web-0", held_since=NOW, **fields):
    """Return one that was given the new content, and whose box holds it back."""
    former = assignment(name, revision=OLD)
    return at(name, held=True, held_since=held_since, former=former, number=1, **fields)


def test_nodes_without_the_label_are_the_last_wave():
    assert sorted(["b", "", "a"], key=wave_order) == ["a", "b", ""]


def test_those_that_another_rollout_was_at_are_next():
    members = [*map(waiting, names(3)), waiting("shop-web-3", was_updating=True)]
    assert turn(members, "old old old old").members == ("shop-web-3",)


def test_one_that_is_away_takes_no_place():
    members = [waiting(), at("shop-web-1", away=True)]
    assert turn(members, "old away").members == ("shop-web-0",)


def test_one_that_is_held_back_has_its_place_until_one_that_is_not_needs_it():
    found = turn([waiting(), holding("shop-web-1")], "old held")
    assert (found.members, found.withdrawn, found.blocked) == ((), ("shop-web-1",), False)
    back = waiting("shop-web-1", held=True, withdrawn=True)
    for word in ("held", "old", "switching"):  # until its box has shown that it will not begin
        found = turn([waiting(), back], f"old {word}")
        assert (found.members, found.withdrawn) == ((), ())
    calm = waiting("shop-web-1", held=True)
    assert turn([waiting("shop-web-2"), calm], "old old").members == ("shop-web-2",)


def test_no_more_are_taken_back_than_need_a_place_and_those_of_longest_first():
    update = Update(max_unavailable="3")
    held = [holding("shop-web-1", NOW + 2), holding("shop-web-2", NOW), holding("shop-web-3", NOW)]
    found = turn([waiting(), *held], "old held held held", update)
    assert found.withdrawn == ("shop-web-2",)
    assert turn(held, "held held held", update).withdrawn == ()


def test_a_place_that_comes_free_already_is_not_made_once_more():
    update = Update(max_unavailable="3")
    going = waiting("shop-web-1", held=True, withdrawn=True)
    held = [holding("shop-web-2"), holding("shop-web-3")]
    assert turn([waiting(), going, *held], "old held held held", update).withdrawn == ()
    two = [waiting(), waiting("shop-web-4")]
    found = turn([*two, going, *held], "old old held held held", update)
    assert found.withdrawn == ("shop-web-2",)


def test_what_cannot_be_had_back_is_not_taken_back():
    new = at("shop-web-1", held=True, held_since=NOW)
    assert turn([waiting(), new], "old held").withdrawn == ()


def test_those_that_are_held_back_take_turns():
    members = [waiting(held=True), holding("shop-web-1")]
    found = turn(members, "old held", passed_s=HELD_TURN_S - 1)
    assert (found.withdrawn, found.look_at) == ((), NOW + HELD_TURN_S)
    assert turn(members, "old held", passed_s=HELD_TURN_S).withdrawn == ("shop-web-1",)
    later = changed(waiting(held=True), since=NOW + 1)
    members = [later, waiting("shop-web-1", held=True)]
    assert turn(members, "old old", Update(max_unavailable="1")).members == ("shop-web-1",)


def test_a_wave_does_not_wait_for_those_that_are_held_back():
    update = Update(wave_by="site", max_unavailable="1")
    members = {one.id: one for one in [waiting(held=True), waiting("shop-web-1")]}
    looks = {"shop-web-0": seen("old", "a"), "shop-web-1": seen("old", "b")}
    assert next_turn(rollout(2), update, members, looks, NOW).members == ("shop-web-1",)


def test_it_is_blocked_where_those_that_do_not_run_are_not_its_own_to_update():
    members = [waiting(), at("shop-web-1", state="done"), at("shop-web-2", state="failed")]
    found = turn(members, "old new! old")
    assert (found.members, found.blocked) == ((), True)
    found = turn(members, "old new old")
    assert (found.members, found.blocked) == (("shop-web-0",), False)


def test_a_canary_of_which_one_is_held_back_tries_another():
    update = Update(strategy="canary", canary="1", max_unavailable="3")
    members = [holding(), waiting("shop-web-1"), waiting("shop-web-2")]
    found = turn(members, "held old old", update, strategy="canary")
    assert (found.members, found.withdrawn) == ((), ("shop-web-0",))
    members[0] = waiting(held=True)
    assert turn(members, "old old old", update, strategy="canary").members == ("shop-web-1",)
