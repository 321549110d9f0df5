"""Which targets a node is given."""

import collections

import pytest

from skerry_hub.documents import Endpoint
from skerry_hub.targets import MOST, MOST_MEASURERS, PEERS, Choice, address_of
from skerry_wire import codec
from skerry_wire.messages import Target, Targets

ERP = Endpoint(name="erp", host="erp.example", port=443)


def nodes(count):
    return [f"box-{number}" for number in range(count)]


def addresses(count):
    return {node: (f"{node}.example", 22) for node in nodes(count)}


def names(choice, node):
    return {target.name for target in choice.of(node).targets}


def test_a_fleet_without_addresses_measures_the_endpoints():
    choice = Choice({}, [ERP], 3)
    wanted = Targets(targets=(Target(name="endpoint/erp", host="erp.example", port=443),))
    assert [choice.of(node) for node in nodes(3)] == [wanted] * 3
    assert Choice({}, [], 3).of("box-1") == Targets()


def test_peers_are_others_each_once_and_at_most_eight():
    choice = Choice(addresses(100), [ERP], 100)
    for node in nodes(100):
        found = choice.of(node).targets
        peers = [one for one in found if one.name.startswith("node/")]
        assert 4 <= len(peers) <= PEERS
        assert f"node/{node}" not in names(choice, node)
        assert len(names(choice, node)) == len(found)
        assert peers[0].host == f"{peers[0].name[5:]}.example"
        assert "endpoint/erp" in names(choice, node)


def test_whoever_is_alone_has_no_peer():
    assert Choice(addresses(1), [], 1).of("box-0") == Targets()
    assert names(Choice(addresses(1), [], 2), "box-1") == {"node/box-0"}


def test_a_node_more_changes_the_targets_of_few():
    before = Choice(addresses(99), [ERP], 99)
    after = Choice(addresses(100), [ERP], 100)
    changed = [node for node in nodes(99) if names(before, node) != names(after, node)]
    assert len(changed) < 30


def test_where_few_may_be_measured_not_all_measure_them():
    count = collections.Counter()
    choice = Choice(addresses(2), [], 2000)
    for node in nodes(2000):
        count.update(names(choice, node))
    assert set(count) == {"node/box-0", "node/box-1"}
    assert sum(count.values()) < 2 * 2 * MOST_MEASURERS
    assert min(count.values()) > MOST_MEASURERS / 8


def test_where_few_may_be_measured_a_node_more_changes_nothing_either():
    before, after = Choice(addresses(2), [], 2000), Choice(addresses(2), [], 2001)
    assert [before.of(node) for node in nodes(2000)] == [after.of(node) for node in nodes(2000)]


def test_of_too_many_endpoints_each_is_measured_by_some():
    endpoints = [Endpoint(name=f"e-{number}", host="h", port=1) for number in range(40)]
    choice = Choice(addresses(50), endpoints, 200)
    found = set()
    for node in nodes(200):
        targets = choice.of(node)
        assert len(targets.targets) == MOST
        codec.encode(targets)
        found |= names(choice, node)
    assert {f"endpoint/e-{number}" for number in range(40)} <= found


def test_the_order_of_what_there_is_does_not_matter():
    endpoints = [Endpoint(name=f"e-{number}", host="h", port=1) for number in range(5)]
    one = Choice(addresses(20), endpoints, 20)
    two = Choice(dict(reversed(addresses(20).items())), endpoints[::-1], 20)
    assert [one.of(node) for node in nodes(20)] == [two.of(node) for node in nodes(20)]


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("box-1.example:22", ("box-1.example", 22)),
        ("10.8.3.7:8080", ("10.8.3.7", 8080)),
        ("[fd00::7]:22", ("fd00::7", 22)),
        (None, None),
        ("", None),
        ("box-1", None),
        ("box-1:0", None),
        ("box-1:99999", None),
        ("[fd00::7:22", None),
        (":22", None),
    ],
)
def test_an_address_that_a_node_tells(text, address):
    assert address_of(text) == address
