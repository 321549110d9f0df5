"""Ports that are asked for instead: no help where an instance of the workload has them."""

from tests.hub.placement.boxes import assignment, fleet, node, workload

from skerry_hub.fleet.ports import Port
from skerry_hub.placement.constraints import FreePorts
from skerry_hub.placement.port_easing import OtherPorts, eased_ports

TEXTS = ("tcp/80", "tcp/81")
NEED = FreePorts(TEXTS, tuple(map(Port.parse, TEXTS)))


def test_a_port_of_another_is_replaced_and_one_of_its_own_dropped():
    columns = fleet(node("a"), node("b"), node("c"))
    columns.reserve(assignment("x-0", "a", of=workload("x", ports=["tcp/80"])))
    columns.reserve(assignment("shop-web-0", "b", of=workload(ports=TEXTS)))
    rows = columns.rows()
    found = eased_ports(columns, columns.row("a"), "shop-web", NEED)
    assert found.texts == ("ask for another port than tcp/80 (x-0 has it on host-a (a))",)
    assert found.ports == ("tcp/81",)
    assert [need.mask(columns, rows).tolist() for need in found.needs] == [
        [True, False, True],
        [True, False, True],
    ]
    found = eased_ports(columns, columns.row("b"), "shop-web", NEED)
    assert found.texts == tuple(
        f"drop port {text} (shop-web-0, one of its own, has it on host-b (b))" for text in TEXTS
    )
    assert found.ports == ()


def test_ports_to_be_chosen_say_why_a_node_has_none():
    columns = fleet(node("a"), node("b"))
    columns.reserve(assignment("shop-web-0", "b", of=workload(ports=TEXTS)))
    others = OtherPorts("shop-web")
    assert not list(others.refusals(columns, columns.row("a")))
    (told,) = others.refusals(columns, columns.row("b"))
    assert told.text == "an instance of shop-web has the same port"
