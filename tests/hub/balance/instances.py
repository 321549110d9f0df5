"""Small problems for tests: drawn by hypothesis, and an exhaustive search that is plainly right."""

import dataclasses
import itertools

import numpy as np
from hypothesis import strategies as st

from skerry_hub.balance.problem import NOWHERE, Bin, Item, Limit, Problem

DIMENSIONS = 2


def ints(*numbers):
    return np.array(numbers, np.int64)


def item(name, demand, worth, current=NOWHERE, move_cost=0):
    """Give an item; `worth` is a score by bin."""
    bins = sorted(worth)
    return Item(
        id=name,
        demand=ints(*demand),
        bins=ints(*bins),
        scores=ints(*(worth[one] for one in bins)),
        current=current,
        move_cost=move_cost,
    )


def amounts(used, number, problem):
    """Give what each bin holds, in plain Python: its own items, its parts' and what they take."""
    held = [[0] * DIMENSIONS for _ in problem.bins]
    for place, demand in used:
        for where in {place, problem.bins[place].parent} - {NOWHERE}:
            for dimension in range(DIMENSIONS):
                held[where][dimension] += int(demand[dimension])
    for at, one in enumerate(problem.bins):
        if one.takes is not None and number[at]:
            for dimension in range(DIMENSIONS):
                held[one.parent][dimension] += int(one.takes[dimension])
    return held


def tallies(problem, assignment):
    """Give what is in each bin, and each limit's numbers by domain."""
    used = [
        (place, problem.items[at].demand) for at, place in enumerate(assignment) if place != NOWHERE
    ]
    number = [sum(place == at for place in assignment) for at in range(len(problem.bins))]
    counts = []
    for limit in problem.limits:
        count = [0] * len(limit.most)
        for at in limit.items.tolist():
            if assignment[at] != NOWHERE and limit.domains[assignment[at]] != NOWHERE:
                count[limit.domains[assignment[at]]] += 1
        counts.append(count)
    return amounts(used, number, problem), counts


def within(problem, assignment):
    """Say whether nothing holds more than it may, or than it does at present and nothing new."""
    held, counts = tallies(problem, assignment)
    held_now, counts_now = tallies(problem, problem.present)
    moved = [
        (item, problem.items[item].current, place)
        for item, place in enumerate(assignment)
        if place not in (NOWHERE, problem.items[item].current)
    ]

    def comes(at, dimension):
        for item, _, place in moved:
            asks = int(problem.items[item].demand[dimension])
            one = problem.bins[place]
            if one.parent == at and one.takes is not None and place not in problem.present:
                asks += int(one.takes[dimension])
            if at in (place, one.parent) and asks:
                return True
        return False

    def enters(limit, domain):
        return any(
            item in limit.items
            and limit.domains[place] == domain
            and (was == NOWHERE or limit.domains[was] != domain)
            for item, was, place in moved
        )

    return all(
        held[at][dimension] <= int(one.capacity[dimension])
        or (held[at][dimension] <= held_now[at][dimension] and not comes(at, dimension))
        for at, one in enumerate(problem.bins)
        for dimension in range(DIMENSIONS)
    ) and all(
        counts[at][domain] <= int(most)
        or (counts[at][domain] <= counts_now[at][domain] and not enters(limit, domain))
        for at, limit in enumerate(problem.limits)
        for domain, most in enumerate(limit.most)
    )


def worth(problem, assignment):
    """Give the objective, in plain Python."""
    total = 0
    used = set()
    for one, place in zip(problem.items, assignment, strict=True):
        if place == NOWHERE:
            continue
        total += dict(zip(one.bins.tolist(), one.scores.tolist(), strict=True))[place]
        total -= one.move_cost * (one.current not in (NOWHERE, place))
        used |= {place, problem.bins[place].parent} - {NOWHERE}
    return total - sum(problem.bins[place].open_cost for place in used)


def best_of_all(problem):
    """Give the best value of every assignment there is."""
    choices = [
        [*one.bins.tolist(), *([NOWHERE] if one.current == NOWHERE else [])]
        for one in problem.items
    ]
    return max(
        worth(problem, assignment)
        for assignment in itertools.product(*choices)
        if within(problem, assignment)
    )


@st.composite
def problems(draw, over=False):
    """Give a problem of up to 6 items in up to 5 bins, some of which are parts of the first.

    With `over`, what is there at present may be more than fits.
    """
    amount = st.integers(0, 6)
    bins = [
        Bin(
            id=f"b{at}",
            capacity=ints(draw(amount), draw(amount)),
            open_cost=draw(st.integers(0, 9)),
        )
        for at in range(draw(st.integers(1, 3)))
    ]
    bins += [
        Bin(
            id=f"part{at}",
            capacity=ints(draw(amount), draw(amount)),
            open_cost=draw(st.sampled_from([0, 0, 3])),
            parent=0,
            takes=draw(st.sampled_from([None, ints(1, 0), ints(0, 2)])),
        )
        for at in range(draw(st.integers(0, 2)))
    ]
    kinds = [
        (
            (draw(st.integers(0, 4)), draw(st.integers(0, 4))),
            draw(
                st.dictionaries(
                    st.integers(0, len(bins) - 1), st.integers(-5, 20), min_size=1, max_size=4
                )
            ),
            draw(st.integers(0, 5)),
        )
        for _ in range(draw(st.integers(1, 3)))
    ]
    items = []
    for at in range(draw(st.integers(0, 6))):
        demand, scores, cost = draw(st.sampled_from(kinds))
        current = draw(st.sampled_from([NOWHERE, *scores]))
        items.append(item(f"i{at}", demand, scores, current, cost))
    limits = [
        Limit(
            items=ints(*sorted(draw(st.sets(st.integers(0, len(items) - 1), min_size=1)))),
            domains=ints(*(draw(st.integers(-1, 1)) for _ in bins)),
            most=ints(draw(st.integers(0, 3)), draw(st.integers(0, 3))),
        )
        for _ in range(draw(st.integers(0, 2)) if items else 0)
    ]
    problem = Problem(items=items, bins=bins, limits=limits)
    return problem if over else settled(problem)


def settled(problem):
    """Give the problem with those at their places that fit there, the others nowhere."""
    items = [dataclasses.replace(one, current=NOWHERE) for one in problem.items]
    empty = Problem(items=items, bins=problem.bins, limits=problem.limits)
    current = [NOWHERE] * len(items)
    for at, one in enumerate(problem.items):
        tried = [*current[:at], one.current, *current[at + 1 :]]
        if within(empty, tried):
            current = tried
    placed = [
        dataclasses.replace(one, current=place) for one, place in zip(items, current, strict=True)
    ]
    return Problem(items=placed, bins=problem.bins, limits=problem.limits)


def crowded(items, bins, kinds, seed, open_cost=0):
    """Give a problem of full bins, whose items are placed at random where they fit."""
    chance = np.random.default_rng(seed)
    capacity = np.stack(
        [chance.integers(8, 65, bins) * 1000, chance.integers(16, 257, bins) * 2**30], axis=1
    ).astype(np.int64)
    shapes = []
    for _ in range(kinds):
        demand = ints(chance.integers(1, 33) * 500, chance.integers(1, 65) * 2**29)
        able = (capacity >= demand).all(axis=1) & (chance.random(bins) < 0.7)
        able[chance.integers(bins)] = True
        where = np.flatnonzero(able).astype(np.int64)
        scores = chance.integers(0, 1001, len(where)).astype(np.int64)
        shapes.append((demand, where, scores, int(chance.integers(0, 100))))
    used = np.zeros_like(capacity)
    made = []
    for at in range(items):
        demand, where, scores, cost = shapes[at % kinds]
        free = where[(used[where] + demand <= capacity[where]).all(axis=1)]
        current = int(chance.choice(free)) if len(free) else NOWHERE
        if current != NOWHERE:
            used[current] += demand
        made.append(
            Item(
                id=f"i{at}",
                demand=demand,
                bins=where,
                scores=scores,
                current=current,
                move_cost=cost,
            )
        )
    return Problem(
        items=made,
        bins=[Bin(id=f"b{at}", capacity=capacity[at], open_cost=open_cost) for at in range(bins)],
    )
