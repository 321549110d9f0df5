"""Which envelopes are opened; what is in them is judged by whoever opens them."""

from tests.executor.orders import KEYS, STRANGER, order, sealed, signed

from skerry_executor.signed import opened


def test_what_the_hub_signed_is_opened():
    assert opened(signed(order()), KEYS) == sealed(order())


def test_all_else_is_refused_with_the_reason():
    assert opened(b"", KEYS).startswith("it is not signed: ")
    assert "is not among the box's trusted keys" in opened(signed(order(), STRANGER), KEYS)
    (key_id,) = KEYS
    found = opened(signed(order(), STRANGER, key_id), KEYS)
    assert found == f"the signature is not that of key {key_id}"
