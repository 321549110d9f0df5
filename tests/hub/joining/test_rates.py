"""How often strangers may ask: bursts, refusals, addresses."""

import pytest

from skerry_hub.access.limits import network_of
from skerry_hub.joining.rates import MOST_ADDRESSES, Rates


def test_a_burst_passes_and_then_as_many_as_the_rate_allows():
    rates = Rates(per_address_s=2, address_burst=3, all_s=100, all_burst=100)
    assert [rates.wait_s("192.0.2.1", 0.0) for _ in range(4)] == [0, 0, 0, 0.5]
    assert rates.wait_s("192.0.2.2", 0.0) == 0
    assert rates.wait_s("192.0.2.1", 0.5) == 0
    assert rates.wait_s("192.0.2.1", 0.5) == 0.5


def test_everybody_together_has_a_limit_too():
    rates = Rates(per_address_s=1, address_burst=10, all_s=1, all_burst=5)
    waits = [rates.wait_s(f"192.0.2.{number}", 0.0) for number in range(7)]
    assert waits == [0, 0, 0, 0, 0, 1, 1]


def test_a_refusal_costs_as_much_as_ten_requests():
    rates = Rates(per_address_s=1, address_burst=20, all_s=1000, all_burst=1000)
    for _ in range(2):
        assert rates.wait_s("192.0.2.1", 0.0) == 0
        rates.refused("192.0.2.1", 0.0)
    assert rates.wait_s("192.0.2.1", 0.0) == 1


def test_a_clock_that_goes_back_gives_and_takes_nothing():
    rates = Rates(per_address_s=1, address_burst=1, all_s=10, all_burst=10)
    assert rates.wait_s("192.0.2.1", 100.0) == 0
    assert rates.wait_s("192.0.2.1", 50.0) == 1


@pytest.mark.parametrize(
    ("address", "network"),
    [
        ("192.0.2.1", "192.0.2.1"),
        ("::ffff:192.0.2.1", "192.0.2.1"),
        ("2001:db8::1", "2001:db8::/64"),
        ("2001:db8::ffff:1", "2001:db8::/64"),
        ("fe80::1%eth0", "fe80::/64"),
        ("", "?"),
    ],
)
def test_what_counts_as_one_address(address, network):
    assert network_of(address) == network


def test_who_asked_long_ago_is_forgotten():
    rates = Rates(per_address_s=1, address_burst=5, all_s=1e9, all_burst=1e9)
    for number in range(MOST_ADDRESSES + 100):
        rates.wait_s(f"10.{number >> 16}.{number >> 8 & 255}.{number & 255}", 0.0)
    assert len(rates.of_addresses) == MOST_ADDRESSES
