"""How soon boxes come back to a broker that was away, as boxes and hub count it. Pure.

A box waits before each attempt to connect, by chance up to a ceiling. The ceiling follows from the
size of the fleet, which the hub tells: all boxes together shall ask a broker for no more than
`CONNECTS_PER_S` connections a second. From the same numbers the hub knows until when a box may be
coming back that it does not hear yet, and counts it lost no sooner.
"""

from __future__ import annotations

CONNECTS_PER_S = 100.0
"""With TLS on both sides a broker takes 240 a second on two cores; a second's half is for work."""
KEEPALIVE_S = 60.0
"""How long a box's connection may be silent before the box asks for an echo, and waits as long."""
CONNECT_S = 15.0
"""What an attempt may take beside the wait: names, TCP (5 s an address), TLS, the first word."""
USUAL_S = 51.2
"""The ceiling where no hub has said another: that of a thousand boxes."""
LEAST_S = 3.0
MOST_S = 120.0
"""Also for a fleet so large that it asks for more by that: one of many brokers."""
FIRST_PART = 3
"""The first attempt comes within a third of the ceiling; each later one after a third of it at the
soonest, and all of it at the latest. So nobody asks twice while others ask for the first time."""
SHARE = 5
"""The ceiling in terms of the time that all boxes take one after the other. Right after a broker
ended all ask within a third of it, at three fifths of the rate: so no second ever has more than the
rate by chance. With four, up to 147 asked in one second, where a broker was away for 12 s."""
PART_AWAY = 0.1
"""Who was away for long waits longer: up to so much of that time, and up to `MOST_S`."""
REFUSED_S = 300.0
REFUSED_LEAST_S = 60.0
"""Whom a broker has refused for `REFUSED_S` asks again after a minute at the soonest: the answer
stays the same, and costs the broker a handshake each time. Twice that is `MOST_S`: who is let in
again is back as soon as others."""


def ceiling_for(nodes: int) -> float:
    """Return the ceiling of a fleet of so many boxes.

    The next power of two counts, so that it stays the same while a fleet grows box by box.
    """
    about = 1 << max(nodes - 1, 0).bit_length()
    return min(MOST_S, max(LEAST_S, SHARE * about / CONNECTS_PER_S))


def shortest_wait_s(ceiling_s: float, attempt: int) -> float:
    """Return how long a box waits at least before its n-th attempt, from 1."""
    return 0.0 if attempt <= 1 else ceiling_s / FIRST_PART


def longest_wait_s(ceiling_s: float, attempt: int, away_s: float) -> float:
    """Return how long a box waits at most before its n-th attempt, from 1, after `away_s`."""
    step_s = ceiling_s / FIRST_PART if attempt <= 1 else ceiling_s
    return max(step_s, min(MOST_S, PART_AWAY * away_s))


def refused_wait_s(refused_s: float) -> float:
    """Return how long a box waits at least that was refused for so long, and never let in."""
    return REFUSED_LEAST_S if refused_s >= REFUSED_S else 0.0


def back_within_s(ceiling_s: float, away_s: float) -> float:
    """Return how long after a broker's return a box may need, where it was away for `away_s`.

    A box that knew of it was waiting for its next attempt. One that did not finds out when TCP
    sends again what was not acknowledged, which it does after twice as long each time, or by the
    echo that does not come; then it waits for its first attempt.
    """
    ceiling_s = max(ceiling_s, USUAL_S)
    waiting_s = longest_wait_s(ceiling_s, 2, away_s)
    unaware_s = min(away_s, 2 * KEEPALIVE_S) + longest_wait_s(ceiling_s, 1, 0.0)
    return CONNECT_S + max(waiting_s, unaware_s)
