"""Which challenges hold: transcripts, without a clock or a file."""

import pytest

from skerry_executor import outstanding as out
from skerry_executor.outstanding import Issued, Outstanding

BOOT = "b0071d"


def issued(number, purpose="request", at_s=100.0):
    return Issued(challenge=number.to_bytes(32, "big"), purpose=purpose, at_s=at_s)


def held(*challenges):
    kept = Outstanding(boot_id=BOOT)
    for one in challenges:
        kept = out.with_issued(kept, one)
    return kept


def test_a_challenge_is_redeemed_once():
    kept, found = out.redeemed(held(issued(1), issued(2)), issued(1).challenge, "request")
    assert found == issued(1)
    assert kept.issued == (issued(2),)
    assert out.redeemed(kept, issued(1).challenge, "request") == (kept, None)


def test_a_challenge_is_for_its_purpose_alone():
    kept = held(issued(1, "lease"))
    assert out.redeemed(kept, issued(1).challenge, "request") == (kept, None)
    assert out.redeemed(kept, issued(1).challenge, "lease")[1] == issued(1, "lease")


@pytest.mark.parametrize(
    ("purpose", "age_s", "holds"),
    [
        ("request", 60.0, True), ("request", 60.5, False), ("lease", 299.0, True),
        ("lease", 301.0, False), ("request", -1.0, False),
    ],
)  # fmt: skip
def test_a_challenge_is_over_after_its_time(purpose, age_s, holds):
    kept = out.of_this_boot(held(issued(1, purpose)), BOOT, 100.0 + age_s)
    assert bool(kept.issued) is holds


def test_an_earlier_start_of_the_box_leaves_none():
    kept = out.of_this_boot(held(issued(1)), "another", 100.0)
    assert kept == Outstanding(boot_id="another")
    assert out.of_this_boot(None, BOOT, 0.0) == Outstanding(boot_id=BOOT)


def test_many_push_out_the_oldest_of_their_kind_alone():
    kept = held(issued(999, "lease"), *(issued(number) for number in range(100)))
    assert kept.issued[0] == issued(999, "lease")
    assert kept.issued[1:] == tuple(issued(n) for n in range(100 - out.MOST_OF_A_PURPOSE, 100))
