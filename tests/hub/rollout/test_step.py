"""Rollouts as transcripts: what is seen, and who is given the new content then."""

from tests.hub.rollout.situations import NEW, NOW, Course, at

from skerry_hub.lifecycle import Update


def test_rolling_gives_so_many_at_once_and_the_next_when_one_is_done():
    course = Course(4, Update(max_unavailable="2"))
    assert course.step() == [0, 1]
    assert course.step() == []
    assert course.step(i0="switching") == []
    assert course.step(i0="new") == [2]
    assert course.step(i1="new", i2="new") == [3]
    assert course.rollout.state == "progressing"
    assert course.step(i3="new") == []
    assert course.rollout.state == "done"
    assert (course.rollout.finished, course.members) == (4, {})
    assert course.found.due_at is None


def test_an_instance_is_done_only_when_it_was_well_for_its_settle_time():
    course = Course(2, Update(max_unavailable="1", settle_s=30))
    course.step()
    assert course.step(i0="starting") == []
    assert course.step(i0="new") == []
    assert course.found.due_at == course.now + 30
    assert course.step(20) == []
    assert course.step(5, i0="unhealthy") == []
    assert course.step(10, i0="new") == []
    assert course.step(29) == []
    assert course.step(1) == [1]


def test_a_failure_pauses_it_and_names_who_failed_and_why():
    course = Course(4, Update(max_unavailable="1"))
    course.step()
    assert course.step(i0="rolled_back") == []
    assert course.rollout.state == "paused"
    assert "1 of 4 failed: shop-web-0 (went back to what ran before: rolled_back it is)" in (
        course.rollout.reason
    )
    assert [one.kind for one in course.found.said] == ["update_failed"]
    assert course.step(1000) == [], "it waits for somebody"


def test_failures_that_are_allowed_stop_nothing():
    course = Course(4, Update(max_unavailable="2", max_failed=1))
    course.step()
    assert course.step(i0="failed") == [2]
    assert course.step(i1="new", i2="new") == [3]
    course.step(i3="new")
    assert course.rollout.state == "done"
    assert "1 of 4 failed" in course.rollout.reason
    assert course.states() == "f"


def test_continue_goes_on_whatever_fails():
    course = Course(3, Update(max_unavailable="1", on_failure="continue"))
    course.step()
    assert course.step(i0="failed") == [1]
    assert course.step(i1="refused") == [2]
    course.step(i2="new")
    assert course.rollout.state == "done"


def test_rollback_is_asked_for_once_and_never_of_a_rollback():
    update = Update(max_unavailable="1", on_failure="rollback")
    course = Course(3, update)
    course.step()
    course.step(i0="failed")
    assert (course.rollout.state, course.rollout.rolls_back) == ("paused", True)
    for fields in ({"cause": "rollback"}, {"stable_revision": NEW}):
        again = Course(3, update, **fields)
        again.step()
        again.step(i0="failed")
        assert (again.rollout.state, again.rollout.rolls_back) == ("paused", False)


def test_what_was_never_seen_to_run_is_no_goal_of_a_rollback():
    update = Update(max_unavailable="1", on_failure="rollback")
    fields = {"i0": "old!", "i1": "old!"}
    course = Course(2, update)
    course.step(**fields)
    course.step(i0="new!", passed_s=1000)
    assert (course.rollout.state, course.rollout.rolls_back) == ("paused", False)
    assert "not rolled back: revision 1 was never seen to run" in course.rollout.reason
    course = Course(2, update, stable_ran=True)
    course.step(**fields)
    course.step(i0="new!", passed_s=1000)
    assert course.rollout.rolls_back
    assert course.rollout.reason.endswith("; goes back to revision 1")


def test_what_is_not_heard_of_in_time_has_failed_and_is_done_when_it_comes_after_all():
    course = Course(2, Update(max_unavailable="1", deadline_s=100))
    course.step()
    course.step(0, i0="unaccepted")
    assert course.found.due_at == course.now + 160
    course.step(159)
    assert course.rollout.state == "progressing"
    course.step(2)
    assert course.rollout.state == "paused"
    assert "not up within 160 s: runs its former revision still" in course.rollout.reason
    course.step(i0="new")
    assert course.states() == "dw"


def test_a_box_that_has_begun_has_its_whole_time_from_then_on():
    course = Course(2, Update(max_unavailable="1", deadline_s=100))
    course.step()
    course.step(100, i0="waiting")
    course.step(10, i0="switching")
    assert course.found.due_at == course.now + 160
    course.step(100)
    assert course.states() == "uw"
    course.step(70)
    assert course.states() == "fw"


def test_of_a_second_set_the_hub_counts_the_deadline_itself():
    update = Update(strategy="blue-green", deadline_s=20, settle_s=30)
    course = Course(2, update)
    course.members["shop-web-1"] = at("shop-web-1", begun_at=NOW)
    course.step(5, i1="made")
    assert course.found.due_at == course.now + 35
    course.step(34, i1="unhealthy")
    assert course.rollout.state == "progressing"
    course.step(1)
    assert course.rollout.state == "paused"
    assert "not up within 35 s: its health is unhealthy" in course.rollout.reason


def test_the_time_in_which_the_hub_heard_nothing_does_not_count():
    course = Course(2, Update(max_unavailable="1", deadline_s=100))
    course.step()
    course.listening_since = course.now + 5000
    course.step(5100)
    assert course.states() == "uw"


def test_nodes_that_are_away_are_not_waited_for_and_follow():
    course = Course(4, Update(max_unavailable="1"))
    assert course.step(i0="away", i2="away") == [1]
    assert course.step(i1="new") == [3]
    course.step(i3="new")
    assert course.rollout.state == "done"
    assert course.rollout.reason == (
        "2 of 4 follow later: shop-web-0 (its node is lost), shop-web-2 (its node is lost)"
    )
    assert course.step(i2="old") == [2]
    assert course.rollout.state == "progressing"
    course.step(i2="new")
    assert (course.rollout.state, course.states()) == ("done", "w")


def test_a_node_that_goes_away_while_it_is_updated_makes_room_and_begins_its_time_anew():
    course = Course(3, Update(max_unavailable="1", deadline_s=100))
    course.step()
    assert course.step(i0="away") == [1]
    course.step(1000, i1="new", i0="old")
    assert course.states()[0] == "u", "its time begins when it is back"
    assert course.rollout.state == "progressing"


def test_all_nodes_away_is_not_done():
    course = Course(2)
    course.step(i0="away", i1="away")
    assert course.rollout.state == "progressing"


def test_after_a_restart_nobody_is_taken_for_away_or_done_before_it_is_heard_of():
    course = Course(3, Update(max_unavailable="1"))
    course.step()
    assert course.step(i0="unheard", i1="unheard", i2="unheard") == []
    assert course.rollout.state == "progressing"
    assert course.step(i1="old") == [], "what the first one does is not known yet"
    assert course.step(i0="new") == [1]


def test_one_whose_node_is_not_heard_of_yet_is_not_left_behind():
    course = Course(2, Update(max_unavailable="1"))
    course.step()
    course.step(i0="new", i1="unheard")
    assert course.rollout.state == "progressing"
    course.step(i1="away")
    assert course.rollout.state == "done"


def test_what_a_box_holds_back_gives_its_place_to_others_and_is_no_failure():
    course = Course(3, Update(max_unavailable="1", deadline_s=10))
    course.step()
    assert course.step(i0="held") == []
    assert ([one.kind for one in course.found.said], course.found.withdrawn) == (
        ["update_held"],
        ("shop-web-0",),
    )
    assert course.step(i0="old") == [1]
    assert course.step(5000, i1="new") == [2]
    assert course.step(i2="new") == [0]
    for passed_s in (1, 50_000, 90_000):
        assert course.step(passed_s, i0="held") == []
        assert (course.rollout.state, course.states()) == ("progressing", "udd")
    course.step(1, i0="switching")
    course.step(1, i0="new")
    assert course.rollout.state == "done"


def test_never_more_may_begin_together_than_are_allowed_when_all_are_held_back():
    course = Course(6, Update(max_unavailable="2"))
    course.step()
    for _ in range(40):
        states = enumerate(course.states())
        course.step(60, **{f"i{n}": "held" if one == "u" else "old" for n, one in states})
        may_begin = [one.state == "updating" or one.withdrawn for one in course.members.values()]
        assert sum(may_begin) <= 2
    assert all(one.held for one in course.members.values())
    assert course.found.due_at is not None
    for _ in range(12):
        begun = {f"i{n}": "new" for n, state in enumerate(course.states()) if state == "u"}
        course.step(1, **begun)
    assert course.rollout.state == "done"


def test_one_whose_update_came_too_late_to_be_taken_back_has_it():
    course = Course(2, Update(max_unavailable="1"))
    course.step()
    course.step(i0="held")
    assert course.step(i0="switching") == []
    assert course.states() == "ww"
    course.step(i0="new")
    assert course.states() == "uw"
    assert course.step() == [1]


def test_what_does_not_run_anyway_counts_and_comes_first():
    course = Course(4, Update(max_unavailable="1"))
    assert course.step(i2="old!") == [2]
    assert course.step() == []
    assert course.step(i2="new") == [0]


def test_those_that_do_not_run_leave_less_room_for_others():
    course = Course(6, Update(max_unavailable="3"))
    assert course.step(i0="old!", i1="old!") == [0, 1, 2]
    assert course.step(i3="old!", i2="new") == [3]


def test_a_rollout_that_may_go_no_further_pauses_and_says_so():
    course = Course(3, Update(max_unavailable="1", deadline_s=100))
    course.step()
    assert course.step(i0="new") == [1]
    course.step(i1="new", i0="new!")
    assert course.states() == "ddw"
    course.step(170)
    assert course.rollout.state == "paused"
    assert "1 of 3 do not run, and no more than 1 may be unavailable" in course.rollout.reason


def test_an_instance_that_is_gone_is_waited_for_no_more():
    course = Course(3, Update(max_unavailable="1"))
    course.step()
    assert course.step(i0="gone") == [1]
    assert course.rollout.total == 2


def test_a_canary_goes_first_and_the_rest_after_it():
    course = Course(4, Update(strategy="canary", canary="1", max_unavailable="100%"))
    assert course.step() == [0]
    assert course.step() == []
    assert course.step(i0="new") == [1, 2, 3]


def test_a_canary_that_pauses_waits_to_be_resumed():
    update = Update(strategy="canary", canary="50%", canary_pauses=True, max_unavailable="1")
    course = Course(4, update)
    assert course.step() == [0]
    assert course.step(i0="new") == [1]
    assert course.step(i1="new") == []
    assert course.rollout.state == "paused"
    assert "the canary is done" in course.rollout.reason


def test_a_canary_whose_failures_are_let_pass_does_not_go_on_by_itself_with_none_that_came_up():
    update = Update(strategy="canary", canary="1", on_failure="continue", max_unavailable="1")
    course = Course(4, update)
    course.step()
    assert course.step(i0="failed") == []
    assert course.rollout.state == "paused"
    assert "none of the canary came up" in course.rollout.reason


def test_waves_follow_one_another_and_those_without_the_label_are_the_last():
    waves = {"shop-web-0": "", "shop-web-1": "quay-2", "shop-web-2": "quay-1"}
    course = Course(4, Update(max_unavailable="4", wave_by="site"), waves)
    course.waves["shop-web-3"] = "quay-1"
    assert course.step(i3="away") == [2]
    assert course.step() == []
    assert course.step(i2="new") == [1]
    assert course.step(i3="old") == [3], "who is back goes on with its own wave"
    assert course.step(i1="new") == []
    assert course.step(i3="new") == [0]


def test_blue_green_waits_for_the_whole_second_set():
    course = Course(2, Update(strategy="blue-green"), surge=2)
    second = Course(4, Update(strategy="blue-green"))
    for key in ("shop-web-2", "shop-web-3"):
        member = second.members[key]
        course.members[key] = type(member)(
            id=key, workload="shop-web", state="updating", since=course.now, begun_at=course.now
        )
    assert course.step(i0="old", i1="old", i2="new", i3="starting") == []
    assert not course.found.cut_over
    course.step(i3="new")
    assert course.found.cut_over
    assert course.states() == "wwdd"


def test_blue_green_whose_second_set_failed_pauses_again_however_often_it_is_resumed():
    course = Course(2, Update(strategy="blue-green"), surge=2, excused=5)
    course.members["shop-web-1"] = at("shop-web-1", state="failed", reason="bad")
    course.step(i0="old", i1="old")
    assert course.rollout.state == "paused"
    assert "the second set is not whole (1 of 2 failed" in course.rollout.reason
    assert not course.found.cut_over


# --- a first one --------------------------------------------------------------------------


def first(count=2, **update):
    """Return the course of a workload's first revision, of which so many were placed."""
    course = Course(count, Update(**update), stable=0, stable_revision="")
    course.members = {key: at(key) for key in course.members}
    course.words = dict.fromkeys(course.members, "silent")
    return course


def test_a_first_one_is_done_when_all_of_it_runs():
    course = first(2)
    course.step(i0="new")
    assert (course.rollout.state, course.states()) == ("progressing", "du")
    course.step(i1="new")
    assert (course.rollout.state, course.rollout.finished) == ("done", 2)


def test_a_first_one_that_does_not_come_up_fails_and_is_done_when_it_does():
    course = first(2, on_failure="rollback", deadline_s=100)
    course.step(i0="new", i1="new!")
    assert course.found.due_at == NOW + 115
    course.step(115)
    assert course.rollout.state == "failed"
    assert "1 of 2 failed: shop-web-1 (not up within 115 s" in course.rollout.reason
    assert not course.rollout.rolls_back
    course.step()
    assert course.rollout.state == "failed"
    course.step(i1="new")
    assert (course.rollout.state, course.rollout.reason) == ("done", "")


def test_a_first_one_waits_for_nodes_and_fails_after_its_deadline():
    course = first(1, deadline_s=100)
    course.missing = 1
    course.step(i0="new")
    assert (course.rollout.state, course.found.due_at) == ("progressing", course.now + 160)
    course.step(160)
    assert course.rollout.state == "failed"
    assert course.rollout.reason == "1 of 1 found no node: see skerry explain"
    course.missing = 0
    course.step()
    assert course.rollout.state == "done"
