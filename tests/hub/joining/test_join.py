"""Who may join, and as whom: a table of what is known and what is asked."""

import dataclasses

import pytest

from skerry_hub.joining.join import NOT_VALID, Admitted, Again, Asked, decide, is_valid, labels_of
from skerry_hub.joining.records import (
    Certificate,
    Enrollment,
    EnrollmentContent,
    JoinToken,
    TokenContent,
)
from skerry_hub.work import RefusedError

NOW = 1000.0
HERE, THERE = ("a" * 16, "b" * 16), ("c" * 16, "d" * 16)
TOKEN = JoinToken(
    id="0" * 16,
    digest="1" * 64,
    created_at=900.0,
    expires_at=2000.0,
    uses=1,
    content=TokenContent(labels={"site": "quay-3"}, made_by="alice"),
)
PINNED = dataclasses.replace(
    TOKEN, node="box-1", content=dataclasses.replace(TOKEN.content, replaces=True)
)
BY_AN_OPERATOR = dataclasses.replace(PINNED, content=TOKEN.content)
ASKED = Asked(key_digest="k1", node="box-1", machine=HERE)
KNOWN = Enrollment(
    node="box-1", key_digest="k1", joined_at=500.0, content=EnrollmentContent(machine=HERE)
)
OTHER = dataclasses.replace(KNOWN, key_digest="k2")
REVOKED = dataclasses.replace(KNOWN, revoked_at=950.0)
EARLIER = Certificate(serial="5", node="box-1", key_digest="k1", issued_at=990.0, expires_at=9999.0)
ENTERED = Enrollment(
    node="box-1",
    key_digest="k1",
    joined_at=NOW,
    content=EnrollmentContent(labels={"site": "quay-3"}, machine=HERE, let_in_by="alice"),
)


def decided(
    token=TOKEN, asked=ASKED, of_key=None, of_node=None, earlier=None, now=NOW, is_known=False
):
    return decide(asked, token, of_key, of_node, earlier, now, is_known)


def refused(*words, status=409, **given):
    with pytest.raises(RefusedError) as error:
        decided(**given)
    assert error.value.status == status
    (problem,) = error.value.problems
    for one in words:
        assert one in problem.reason
    return problem


# --- the token ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    "token",
    [
        None,
        dataclasses.replace(TOKEN, expires_at=NOW),
        dataclasses.replace(TOKEN, revoked_at=950.0),
        dataclasses.replace(TOKEN, used=1),
        dataclasses.replace(TOKEN, uses=5, used=5),
    ],
    ids=["unknown", "expired", "revoked", "used", "used up"],
)
def test_every_token_that_is_not_valid_has_the_same_answer(token):
    problem = refused(status=401, token=token)
    assert (problem.reason, problem.field) == (NOT_VALID, "token")
    # Whatever else is known: nobody learns which boxes there are.
    assert refused(status=401, token=token, of_node=OTHER) == problem
    assert refused(status=401, token=token, of_key=REVOKED, earlier=EARLIER) == problem


def test_a_used_up_token_is_still_one_for_a_lost_answer():
    assert is_valid(dataclasses.replace(TOKEN, used=1), NOW)
    assert not is_valid(None, NOW)
    assert not is_valid(TOKEN, 2000.0)


# --- a new box ----------------------------------------------------------------------------


def test_a_new_box_gets_the_id_that_it_asks_for_and_the_labels_of_its_token():
    assert decided() == Admitted(ENTERED)


def test_a_token_for_a_node_gives_that_id_whatever_the_box_asks_for():
    asked = dataclasses.replace(ASKED, node="box-9")
    assert decided(PINNED, asked) == Admitted(ENTERED)


def test_an_id_that_is_taken_is_given_away_by_a_token_for_it_alone():
    refused("has joined already, with another key", "token create --node box-1", of_node=OTHER)
    assert decided(PINNED, of_node=OTHER) == Admitted(ENTERED, replaces_key=True)


def test_which_an_admin_made():
    refused("an admin makes", token=BY_AN_OPERATOR, of_node=OTHER)
    refused("an admin makes", token=BY_AN_OPERATOR, is_known=True)
    assert decided(BY_AN_OPERATOR) == decided(BY_AN_OPERATOR, of_key=KNOWN) == Admitted(ENTERED)


def test_an_id_that_was_revoked_is_not_free():
    gone = dataclasses.replace(OTHER, revoked_at=100.0)
    refused("has joined already", of_node=gone)
    refused("was revoked", token=PINNED, of_node=dataclasses.replace(gone, revoked_at=950.0))
    assert decided(PINNED, of_node=gone) == Admitted(ENTERED, replaces_key=True)


# --- the same box again -------------------------------------------------------------------


def test_the_same_key_is_the_same_box_whatever_id_it_asks_for():
    asked = dataclasses.replace(ASKED, node="box-9")
    assert decided(asked=asked, of_key=KNOWN) == Admitted(ENTERED)


def test_a_lost_answer_is_given_again_without_a_further_use():
    used = dataclasses.replace(TOKEN, used=1)
    assert decided(used, of_key=KNOWN, of_node=KNOWN, earlier=EARLIER) == Again(KNOWN, EARLIER)


def test_not_once_the_box_was_revoked():
    used = dataclasses.replace(TOKEN, used=1)
    refused(status=401, token=used, of_key=REVOKED, of_node=REVOKED, earlier=EARLIER)


def test_a_key_is_not_renamed_by_a_token_for_another_node():
    token = dataclasses.replace(TOKEN, node="box-2")
    refused("is that of node box-1", "for node box-2", "--new-identity", token=token, of_key=KNOWN)


KEEPS = dataclasses.replace(ASKED, node="box-2", keeps_id=True)


@pytest.mark.parametrize(
    "given",
    [{"of_node": OTHER}, {}, {"of_key": dataclasses.replace(KNOWN, node="box-2")}],
    ids=["joined", "new", "by its key"],
)
def test_a_box_that_keeps_its_id_takes_no_others_by_a_token_for_that(given):
    refused("is node box-2", "for node box-1", "--new-identity", token=PINNED, asked=KEEPS, **given)


def test_but_joins_by_a_token_for_itself_or_for_any():
    for token in (TOKEN, dataclasses.replace(PINNED, node="box-2")):
        assert decided(token, KEEPS).enrollment.node == "box-2"


def test_a_box_that_keeps_another_id_than_its_key_has_is_told_before_the_token_is_used():
    refused("is that of node box-1", "--new-identity", asked=KEEPS, of_key=KNOWN)


# --- revoked ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "token",
    [TOKEN, PINNED, dataclasses.replace(TOKEN, created_at=951.0)],
    ids=["any", "his", "newer"],
)
def test_who_was_revoked_does_not_come_back_by_a_token_that_is_older_or_for_anybody(token):
    refused("was revoked", "token create --node box-1", token=token, of_key=REVOKED)


def test_but_by_one_for_him_that_is_newer():
    newer = dataclasses.replace(PINNED, created_at=951.0)
    assert decided(newer, of_key=REVOKED) == Admitted(ENTERED)


# --- copies -------------------------------------------------------------------------------


def test_the_same_key_on_another_machine_is_a_copied_disk():
    asked = dataclasses.replace(ASKED, machine=THERE)
    refused("joined on another machine", "--new-identity", asked=asked, of_key=KNOWN)


def test_also_with_the_token_that_it_has_joined_with():
    """As a disk image has it that was made of a box that has joined."""
    asked = dataclasses.replace(ASKED, machine=THERE)
    refused("joined on another machine", asked=asked, of_key=KNOWN, earlier=EARLIER)
    assert decided(of_key=KNOWN, earlier=EARLIER) == Again(KNOWN, EARLIER)
    assert decided(PINNED, asked, of_key=KNOWN, earlier=EARLIER) == Again(KNOWN, EARLIER)


def test_unless_an_admin_says_that_it_has_moved():
    asked = dataclasses.replace(ASKED, machine=THERE)
    admitted = decided(PINNED, asked, of_key=KNOWN)
    assert admitted.enrollment.content.machine == THERE


@pytest.mark.parametrize("machine", [(), HERE[:1], (*THERE, HERE[0])])
def test_a_machine_that_has_anything_in_common_is_the_same(machine):
    asked = dataclasses.replace(ASKED, machine=machine)
    assert decided(asked=asked, of_key=KNOWN).enrollment.content.machine == machine


def test_labels_of_those_that_have_any():
    assert labels_of([ENTERED, KNOWN]) == {"box-1": {"site": "quay-3"}}


def test_the_id_of_a_box_that_was_set_up_by_hand_is_for_a_token_of_it_alone():
    refused(
        "not joined with a token", "skerry token create --node box-1", "--node-id", is_known=True
    )
    assert decided(token=PINNED, is_known=True) == Admitted(ENTERED)
    # Who has joined is known, too, and joins again.
    assert decided(of_key=KNOWN, is_known=True) == Admitted(ENTERED)
