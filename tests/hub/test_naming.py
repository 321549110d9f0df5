"""What people name: ids come first, hostnames where only one has it."""

import pytest
from tests.hub.records import assignment, capability, kept, node, report, status

from skerry_hub.naming import find_instance, find_node, find_workload
from skerry_hub.state import Draft, Known
from skerry_hub.work import RefusedError

KNOWN = Known(
    [
        node("box-1"),
        node("box-2", capability=capability(hostname="till")),
        node("box-3", capability=capability(hostname="till")),
        node("quay", capability=capability(hostname="box-1")),
        node("new", capability=None),
    ],
    [kept("shop-web")],
)


@pytest.mark.parametrize("where", [KNOWN, Draft(KNOWN)], ids=["known", "draft"])
@pytest.mark.parametrize(
    ("name", "found"),
    [("box-1", "box-1"), ("host-box-1", "box-1"), ("quay", "quay"), ("new", "new")],
)
def test_a_node_is_found_by_its_id_or_its_hostname(where, name, found):
    assert find_node(where, name).id == found


def test_a_hostname_of_several_is_refused_with_their_ids():
    with pytest.raises(RefusedError, match=r"2 nodes .* till.*: box-2, box-3") as told:
        find_node(KNOWN, "till")
    assert told.value.status == 409


def test_what_there_is_not_is_not_found():
    for find in (find_node, find_workload):
        with pytest.raises(RefusedError, match=f"there is no .* {'x' * 80}$") as told:
            find(KNOWN, "x" * 200)
        assert told.value.status == 404
    assert find_workload(KNOWN, "shop-web").workload.name == "shop-web"


def test_an_instance_is_found_where_it_is_placed_or_still_reported():
    seen = node("box-5", report=report(instances=(status("left-0"), status("shop-web-0"))))
    known = Known([node("box-1"), seen], [kept("shop-web")], [assignment("shop-web-0", "box-1")])
    assert find_instance(known, "shop-web-0").id == "box-1"
    assert find_instance(known, "left-0").id == "box-5"
    with pytest.raises(RefusedError, match="there is no instance none-0"):
        find_instance(known, "none-0")
