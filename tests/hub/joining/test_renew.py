"""Who gets a new certificate, how often, and when a box should ask."""

import pytest

from skerry_hub.joining import renew
from skerry_hub.joining.records import Certificate, Enrollment
from skerry_hub.work import RefusedError

DAY_S = 86_400.0
KNOWN = Enrollment(node="box-1", key_digest="k1", joined_at=1.0)
REVOKED = Enrollment(node="box-1", key_digest="k1", joined_at=1.0, revoked_at=2.0)


def certificate(issued_at, life_s):
    return Certificate(
        serial="1", node="box-1", key_digest="k", issued_at=issued_at, expires_at=issued_at + life_s
    )


def test_who_is_unknown_and_who_was_revoked_hear_the_same():
    assert renew.check(KNOWN) is KNOWN
    said = []
    for known in (None, REVOKED):
        with pytest.raises(RefusedError) as error:
            renew.check(known)
        assert error.value.status == 403
        said.append(error.value.problems)
    assert said[0] == said[1]


@pytest.mark.parametrize(
    ("age_s", "life_s", "new"),
    [
        (0, 90 * DAY_S, True),
        (3599, 90 * DAY_S, True),
        (3600, 90 * DAY_S, False),
        (29, 90, True),
        (30, 90, False),
        (-5, 90 * DAY_S, False),
    ],
)
def test_a_key_gets_a_new_one_at_most_once_an_hour_or_in_a_third_of_its_life(age_s, life_s, new):
    assert renew.still_new(certificate(1e6, life_s), 1e6 + age_s, life_s) is new


def test_a_key_without_one_gets_one():
    assert not renew.still_new(None, 1e6, 90)


def test_times_count_from_now():
    one = certificate(1e6, 90 * DAY_S)
    assert renew.lifetime_s(one, 1e6 + DAY_S) == 89 * DAY_S
    assert renew.renew_after_s(one, 1e6 + DAY_S) == 59 * DAY_S
    assert renew.lifetime_s(one, 1e9) == 1.0
    assert renew.renew_after_s(one, 1e9) == 1.0
