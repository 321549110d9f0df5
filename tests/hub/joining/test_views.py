"""What is shown of tokens and boxes, as it goes out as JSON."""

import dataclasses

import pytest

from skerry_hub.joining.records import Certificate, Enrollment, JoinToken
from skerry_hub.joining.views import enrollment_view, token_view

TOKEN = JoinToken(id="0" * 16, digest="secret", created_at=1.0, expires_at=10.0, uses=2, used=1)


@pytest.mark.parametrize(
    ("fields", "now", "state"),
    [
        ({}, 9.9, "valid"),
        ({}, 10.0, "expired"),
        ({"used": 2}, 5.0, "used up"),
        ({"used": 2}, 10.0, "expired"),
        ({"revoked_at": 3.0}, 20.0, "revoked"),
    ],
)
def test_the_state_of_a_token(fields, now, state):
    view = token_view(dataclasses.replace(TOKEN, **fields), now)
    assert view.state == state
    assert "secret" not in repr(view)


def test_serial_numbers_are_told_in_lower_case_as_boxes_tell_them():
    one = Certificate(serial="ab12", node="n", key_digest="k", issued_at=1.0, expires_at=2.0)
    view = enrollment_view(Enrollment(node="n", key_digest="k", joined_at=1.0), [one])
    assert view.certificates[0].serial == "ab12"
