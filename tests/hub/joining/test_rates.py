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


# --- those that hold where nobody says otherwise --------------------------------------------


def passed(rates, now, address=None):
    """Return how many may ask at a time: of one address, or each of another one."""
    asks = (address or f"10.{number >> 8}.{number & 255}.1" for number in range(10_000))
    return next(count for count, one in enumerate(asks) if rates.wait_s(one, now) > 0)


def test_of_an_address_there_are_200_at_once_and_20_a_second():
    rates = Rates()
    assert passed(rates, 0.0, "192.0.2.1") == 200
    assert passed(rates, 1.0, "192.0.2.1") == 20
    assert passed(rates, 1000.0, "192.0.2.1") == 200


def test_of_all_together_there_are_1000_at_once_and_100_a_second():
    rates = Rates()
    assert passed(rates, 0.0) == 1000
    assert passed(rates, 1.0) == 100
    assert passed(rates, 1000.0) == 1000


def test_who_is_refused_may_ask_20_times_at_once_and_twice_a_second():
    rates = Rates()

    def refused(now):
        count = 0
        while rates.wait_s("192.0.2.1", now) == 0:
            rates.refused("192.0.2.1", now)
            count += 1
        return count

    assert refused(0.0) == 20
    assert refused(10.0) == 20
    assert passed(rates, 10.0, "192.0.2.2") == 200, "nobody else is held up"
