"""What the writer knows of boxes that joined."""

import dataclasses

from skerry_hub.joining.admission import Admission
from skerry_hub.joining.records import Enrollment, EnrollmentContent, Revocation

BOX = Enrollment(
    node="box-1",
    key_digest="k",
    joined_at=1.0,
    content=EnrollmentContent(labels={"site": "quay-3"}),
)


def test_labels_and_who_was_shut_out_are_read_at_the_start():
    gone = dataclasses.replace(BOX, node="box-2", revoked_at=2.0)
    found = Admission([BOX, gone])
    assert found.labels("box-1") == {"site": "quay-3"}
    assert found.labels("box-3") == {}
    assert [found.shut_out(f"box-{number}") for number in (1, 2, 3)] == [False, True, False]


def test_who_joins_again_is_let_in_again():
    found = Admission()
    found.put(dataclasses.replace(BOX, revoked_at=2.0))
    assert found.shut_out("box-1")
    assert found.revocations == {"box-1": Revocation(at=2.0)}
    found.put(BOX)
    assert not found.shut_out("box-1")
    assert found.revocations == {}
