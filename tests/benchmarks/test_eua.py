import dataclasses
import json
import lzma

import pytest
from benchmarks import eua
from benchmarks.eua import Day, Edge, Request
from benchmarks.row import BenchError

LAST = eua.LAST_MINUTE


def request(minute=0, hold=10, demand=(10, 10, 10), servers=(0,)):
    return Request(minute=minute, hold_minutes=hold, demand=demand, servers=servers)


def day(*requests, capacities=((20, 20, 20), (20, 20, 20)), prices=(1.0, 2.0)):
    return Day("eua-tiny", capacities, prices, requests)


def gone_by(one, policy=eua.engine):
    edge = Edge(one, policy)
    edge.run()
    return edge


# --- the rules ----------------------------------------------------------------------------


@pytest.mark.parametrize("policy", [eua.engine, *eua.BASELINES.values()])
def test_only_servers_in_reach_are_used_and_what_fits_nowhere_is_dropped(policy):
    edge = gone_by(day(*[request(servers=(1,))] * 3), policy)
    assert edge.allocated == 2
    assert edge.overcommitted == 0
    assert edge.cost == 2.0 * 10


def test_a_server_costs_its_price_in_each_minute_in_which_it_has_a_request():
    # From minute 5 to 14, and the second one from 12 to 16: the server is in use for twelve.
    one = day(request(minute=5), request(minute=12, hold=5))
    edge = gone_by(one)
    assert edge.allocated == 2
    assert edge.cost == 1.0 * 12


def test_what_ends_goes_before_what_comes_in_the_same_minute():
    full = (20, 20, 20)
    for minute, allocated in ((9, 1), (10, 2)):
        one = day(request(demand=full), request(minute=minute, demand=full))
        edge = gone_by(one)
        assert edge.allocated == allocated
        assert edge.cost == 10 * allocated


def test_the_day_ends_after_its_last_minute():
    edge = gone_by(day(request(minute=LAST, hold=100)))
    assert (edge.allocated, edge.cost) == (1, 1.0)
    assert gone_by(day(request(minute=LAST + 1))).allocated == 0


def test_requests_of_a_minute_come_in_the_order_of_their_index(tmp_path):
    rows = [
        {"minute": 3, "index": 1, "demand": [20, 20, 20]},
        {"minute": 3, "index": 0, "demand": [5, 5, 5]},
        {"minute": 1, "index": 2, "demand": [1, 1, 1]},
    ]
    write(tmp_path / "eua-1.jsonl", rows)
    found = eua.day_of(tmp_path / "eua-1.jsonl")
    assert [one.demand[0] for one in found.requests] == [1, 5, 20]


def test_each_amount_is_hard_and_nothing_is_given_out_twice():
    for at in range(3):
        demand = tuple(20 if at == other else 1 for other in range(3))
        edge = gone_by(day(request(demand=demand), request(demand=demand)))
        assert (edge.allocated, edge.overcommitted) == (1, 0)
        over = tuple(21 if at == other else 1 for other in range(3))
        assert gone_by(day(request(demand=over))).allocated == 0


def test_more_than_there_is_would_be_counted():
    one = day(request(hold=2, demand=(20, 20, 20)))
    edge = Edge(one, eua.engine)
    edge._take(0, one.requests[0], 0)
    edge._count()
    assert edge.overcommitted == 0
    placed = edge.columns.assigned("s0000")[0]
    edge.columns.reserve(dataclasses.replace(placed, id="x-0", workload="x"))
    edge._count()
    assert edge.overcommitted == 1


def test_the_cheaper_server_is_taken_and_one_that_runs_already_before_it():
    both = (0, 1)
    assert gone_by(day(request(servers=both))).cost == 10 * 1.0
    # With so much room that nobody is in another's way.
    large = ((2000, 2000, 2000), (2000, 2000, 2000))
    one = day(request(servers=(1,)), request(servers=both), capacities=large)
    assert gone_by(one).cost == 10 * 2.0


def test_a_request_in_reach_of_none_is_dropped_and_one_of_very_many_is_not():
    many = 300
    one = day(
        request(servers=()),
        request(servers=tuple(range(many))),
        capacities=((20, 20, 20),) * many,
        prices=(1.0,) * many,
    )
    assert gone_by(one).allocated == 1


def test_by_what_is_there_the_room_of_few_is_left_to_them_as_long_as_they_are_there():
    both, first = (0, 1), (0,)
    bound = request(servers=first)
    late = request(minute=1, servers=both)
    edge = Edge(day(bound, late, request(minute=2, servers=first)), eua.engine, by_wanted=True)
    edge.run()
    assert (edge.allocated, edge.overcommitted) == (3, 0)
    gone = request(servers=first, hold=1)
    edge = Edge(day(gone, request(minute=2, servers=both)), eua.engine, by_wanted=True)
    edge.run()
    assert edge.cost == 1.0 + 10 * 1.0


# --- files --------------------------------------------------------------------------------


def write(path, rows, **servers):
    first = {
        "kind": "servers",
        "capacity": [[20, 20, 20], [20, 20, 20]],
        "price_per_minute": [1.0, 2.5],
        **servers,
    }
    usual = {
        "kind": "request",
        "minute": 0,
        "hold_minutes": 10,
        "demand": [10, 10, 10],
        "servers": [0, 1],
    }
    lines = [first, *({**usual, "index": at, **row} for at, row in enumerate(rows))]
    text = "\n".join(map(json.dumps, lines))
    if path.suffix == ".xz":
        path.write_bytes(lzma.compress(text.encode()))
    else:
        path.write_text(text)


def test_rows_have_the_keys_that_are_promised_a_day_each(tmp_path, capsys):
    write(tmp_path / "eua-20.jsonl.xz", [{}] * 5)
    write(tmp_path / "eua-3.jsonl", [{}, {"minute": 4}])
    assert eua.main(["--data", str(tmp_path), "--baselines", "-o", "json"]) == 0
    rows = json.loads(capsys.readouterr().out)
    policies = ["skerry", *eua.BASELINES]
    assert [(row["day"], row["policy"]) for row in rows] == [
        (name, policy) for name in ("eua-3", "eua-20") for policy in policies
    ]
    assert all(row["overcommitted"] == 0 for row in rows)
    skerry = rows[len(policies)]
    # Four of five fit on two servers; ten minutes of both.
    assert (skerry["allocated_percent"], skerry["cost"]) == (80.0, 35.0)
    assert eua.main(["--data", str(tmp_path), "--wanted", "-o", "table"]) == 0
    assert "mean" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (None, "no eua-*.jsonl or eua-*.jsonl.xz is in"),
        ("", "does not begin with its servers"),
        ('{"kind": "request"}', "does not begin with its servers"),
        ("{", "eua-1.jsonl:1: "),
        ("[]", "eua-1.jsonl:1: not an object"),
        ('{"kind": "servers", "capacity": [[1, 1]], "price_per_minute": [1]}', "not three amounts"),
        ('{"kind": "servers", "capacity": [], "price_per_minute": []}', "0 servers with 0 prices"),
        ('{"kind": "servers", "capacity": [[1, 1, 1]], "price_per_minute": [-1]}', "not a price"),
        ('{"kind": "servers", "capacity": [[1, 1, 1]], "price_per_minute": [1]}', "no requests"),
    ],
)
def test_what_is_wrong_with_a_day_is_said_with_its_line(tmp_path, capsys, content, said):
    if content is not None:
        (tmp_path / "eua-1.jsonl").write_text(content)
    assert eua.main(["--data", str(tmp_path)]) == 1
    assert said in capsys.readouterr().err


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ({"minute": -1}, ":3: minute is -1"),
        ({"hold_minutes": "5"}, ":3: hold_minutes is 5"),
        ({"demand": [1, 2, 3, 4]}, "not three amounts"),
        ({"demand": [1, 2, 1.5]}, ":3: an amount is 1.5"),
        ({"servers": [7]}, ":3: there is no server 7"),
        ({"servers": 0}, ":3: servers is not a list"),
    ],
)
def test_what_is_wrong_with_a_request_is_said_with_its_line(tmp_path, row, said):
    write(tmp_path / "eua-1.jsonl", [{}, row])
    with pytest.raises(BenchError, match=said):
        eua.day_of(tmp_path / "eua-1.jsonl")


def test_a_packed_day_that_is_cut_off_is_told(tmp_path):
    path = tmp_path / "eua-1.jsonl.xz"
    write(path, [{}])
    path.write_bytes(path.read_bytes()[:-12])
    with pytest.raises(BenchError, match="cannot be read"):
        eua.day_of(path)
