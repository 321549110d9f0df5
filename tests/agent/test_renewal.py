"""When the certificate is renewed, as transcripts of the core; wrong clocks among them."""

import dataclasses
import math

import pytest
from tests.agent.test_core import Box, published

from skerry_agent import effects, sharing
from skerry_agent import events as ev
from skerry_agent.enrollment import Enrollment
from skerry_agent.renewal import GAP_S
from skerry_wire.messages import EventKind
from skerry_wire.topics import NodeTopic

DAY_S = 86_400.0
LIFE_S = 90 * DAY_S
RENEW_S = 60 * DAY_S
YEARS_S = 10 * 365 * DAY_S


def enrollment(box, age_s=0.0, **changes):
    one = Enrollment(
        hub="https://hub:8443",
        issued_at=box.wall - age_s,
        lifetime_s=LIFE_S,
        renew_after_s=RENEW_S,
    )
    return dataclasses.replace(one, **changes)


def joined(age_s=0.0, **changes):
    box = Box().up()
    assert effects.ReadEnrollment() in box.on(ev.Started())
    box.on(ev.Connected(2))
    box.on(ev.EnrollmentRead(enrollment(box, age_s, **changes)))
    return box


def renews(done):
    return [one for one in done if isinstance(one, effects.RenewCertificate)]


def due_in(box):
    return box.state.renewal.due - box.mono


def test_at_two_thirds_of_its_life_a_little_later_by_chance():
    box = joined()
    assert due_in(box) == pytest.approx(RENEW_S * 1.05)
    assert box.state.next_deadline < box.state.renewal.due


def test_the_time_that_the_box_was_off_counts_by_the_wall_clock():
    assert due_in(joined(age_s=50 * DAY_S)) == pytest.approx(RENEW_S * 1.05 - 50 * DAY_S)


@pytest.mark.parametrize("age_s", [70 * DAY_S, LIFE_S, 10 * LIFE_S, YEARS_S])
def test_what_is_overdue_is_done_within_a_minute(age_s):
    assert due_in(joined(age_s=age_s)) == pytest.approx(30.0)


@pytest.mark.parametrize("behind_s", [DAY_S, 56 * 365 * DAY_S])
def test_a_clock_that_was_set_back_says_nothing_of_the_age(behind_s):
    assert due_in(joined(age_s=-behind_s)) == pytest.approx(RENEW_S * 1.05)


def test_a_box_that_begins_in_1970_renews_once_the_clock_is_set():
    box = joined(age_s=0.0, issued_at=100.0)  # it joined in 1970, too
    box.wall = 200.0
    box.on(ev.EnrollmentRead(None))
    box.on(ev.EnrollmentRead(enrollment(box, issued_at=100.0)))
    assert due_in(box) == pytest.approx(RENEW_S * 1.05, rel=0.01)
    box.wall = 1.79e9
    box.on(ev.Connected(3))
    assert due_in(box) == pytest.approx(30.0)


def test_a_clock_that_is_set_while_nothing_else_happens_is_seen_at_a_heartbeat():
    box = joined()
    box.wall += 80 * DAY_S
    assert not renews(box.wait(10))
    done = box.wait(80)
    assert len(renews(done)) == 1


def test_nothing_wakes_the_box_for_it():
    box = Box().up()
    before = box.state.next_deadline
    box.on(ev.EnrollmentRead(enrollment(box)))
    assert box.state.next_deadline == before


def test_it_is_begun_once_and_what_it_brought_is_read_again():
    box = joined(age_s=70 * DAY_S)
    assert len(renews(box.wait(60))) == 1
    assert box.state.renewal.running
    assert renews(box.wait(7 * DAY_S)) == []
    assert effects.ReadEnrollment(again=True) in box.on(ev.RenewalEnded())
    box.on(ev.EnrollmentRead(enrollment(box)))
    assert due_in(box) == pytest.approx(RENEW_S * 1.05)
    assert not box.state.renewal.running


def test_what_fails_is_tried_again_ever_more_seldom_and_said_once():
    box = joined(age_s=70 * DAY_S)
    box.wait(60)
    box.draw = 1.0
    done = box.on(ev.RenewalEnded("nobody listens at https://hub:8443"))
    (event,) = published(done, NodeTopic.EVENT)
    assert (event.kind, event.subject) == (EventKind.RENEWAL_FAILED, "certificate")
    (report,) = published(done, NodeTopic.REPORT)
    assert "nobody listens" in report.problems[0]
    waits = [due_in(box)]
    for _ in range(9):
        assert len(renews(box.wait(due_in(box) + 1))) == 1
        done = box.on(ev.RenewalEnded("nobody listens at https://hub:8443"))
        assert published(done, NodeTopic.EVENT) == []
        waits.append(due_in(box))
    assert waits[:3] == [300.0, 600.0, 1200.0]
    assert waits[-1] == 6 * 3600.0
    box.wait(due_in(box) + 1)
    (report,) = published(box.on(ev.RenewalEnded()), NodeTopic.REPORT)
    assert report.problems == ()


def test_a_hub_that_refuses_is_asked_at_most_hourly():
    box = joined(age_s=70 * DAY_S)
    box.wait(60)
    box.draw = 1.0
    box.on(ev.RenewalEnded("it is revoked", is_refused=True))
    assert due_in(box) >= GAP_S


def test_a_broker_that_refuses_the_certificate_has_it_renewed_at_most_hourly():
    box = joined()
    refused = ev.Disconnected("certificate expired", ev.Ending.CERTIFICATE_REFUSED)
    box.on(refused)
    assert due_in(box) == pytest.approx(30.0)
    assert len(renews(box.wait(60))) == 1
    box.on(ev.RenewalEnded())
    box.on(ev.EnrollmentRead(enrollment(box)))
    asked = 0
    for _ in range(5 * 60):  # the link tells the same end once alone, however often it is refused
        done = box.wait(60)
        asked += len(renews(done))
        if renews(done):
            box.on(ev.RenewalEnded())
            box.on(ev.EnrollmentRead(enrollment(box)))
    assert asked == 5
    box.on(ev.Connected(3))
    box.on(ev.EnrollmentRead(None))
    box.on(ev.EnrollmentRead(enrollment(box)))
    assert due_in(box) == pytest.approx(RENEW_S * 1.05), "once it is taken, all is as it was"


def test_a_refusal_counts_that_comes_before_what_was_kept_is_read():
    box = Box().up()
    box.on(ev.Disconnected("certificate expired", ev.Ending.CERTIFICATE_REFUSED))
    box.on(ev.EnrollmentRead(enrollment(box, age_s=-YEARS_S)))
    assert due_in(box) == pytest.approx(30.0)


@pytest.mark.parametrize("ending", [ev.Ending.LOST, ev.Ending.REFUSED, ev.Ending.TAKEN_OVER])
def test_other_ends_say_nothing_of_the_certificate(ending):
    box = joined()
    box.on(ev.Disconnected("gone", ending))
    assert due_in(box) > DAY_S


def test_a_box_that_has_not_joined_renews_nothing():
    box = Box().up()
    box.on(ev.EnrollmentRead(None))
    box.on(ev.Disconnected("x", ev.Ending.CERTIFICATE_REFUSED))
    assert box.state.renewal.due == math.inf


def test_certificates_of_minutes_are_renewed_in_time():
    box = joined(lifetime_s=60.0, renew_after_s=40.0)
    assert 40 <= due_in(box) <= 44
    assert len(renews(box.wait(45))) == 1
    box.on(ev.RenewalEnded("x"))
    assert due_in(box) < 5


def test_what_is_wrong_with_what_was_kept_is_told():
    box = joined()
    done = box.on(ev.EnrollmentRead(None, "hub.json is damaged"))
    (report,) = published(done, NodeTopic.REPORT)
    assert report.problems == ("hub.json is damaged",)
    assert box.on(ev.EnrollmentRead(None, "hub.json is damaged")) == []


def test_reload_looks_again():
    assert effects.ReadEnrollment(again=True) in joined().on(ev.ReloadAsked())


def test_a_copied_disk_is_said_once_and_forgotten_after_an_hour_without():
    box = joined()
    taken = ev.Disconnected("taken over", ev.Ending.TAKEN_OVER, is_shared=True)
    done = box.on(taken)
    assert effects.Log("error", sharing.TAKEN_OVER) in done
    box.on(taken)
    done = box.on(ev.Connected(3))
    (event,) = published(done, NodeTopic.EVENT)[-1:]
    assert (event.kind, event.subject) == (EventKind.CLONED, "node")
    (report,) = published(done, NodeTopic.REPORT)
    assert sharing.TAKEN_OVER in report.problems
    done = box.wait(3700)
    assert published(done, NodeTopic.REPORT)[-1].problems == ()


def test_a_single_take_over_says_nothing():
    box = joined()
    done = box.on(ev.Disconnected("taken over", ev.Ending.TAKEN_OVER))
    assert [one.level for one in done if isinstance(one, effects.Log)] == ["warning"]


def test_another_machine_is_said_at_once_and_not_again():
    box = joined()
    found = ev.EnrollmentRead(box.state.enrollment, None, is_another_machine=True)
    done = box.on(found)
    (event,) = published(done, NodeTopic.EVENT)
    assert event.kind is EventKind.CLONED
    assert published(done, NodeTopic.REPORT)[0].problems == (sharing.ANOTHER_MACHINE,)
    assert box.on(found) == []
    done = box.on(ev.EnrollmentRead(box.state.enrollment))
    assert published(done, NodeTopic.REPORT)[0].problems == ()
