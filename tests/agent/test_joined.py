"""What a join has left, as the settings and the agent read it."""

import dataclasses
import json
import os

import pytest

from skerry_agent import enrolled, joined
from skerry_agent.broker import Broker
from skerry_agent.config import load
from skerry_agent.enrollment import Enrollment
from skerry_agent.events import EnrollmentRead
from skerry_agent.host import Host
from skerry_agent.joined import Joined, JoinedError
from skerry_agent.joining import machine
from skerry_agent.run import broker_now

KEPT = Joined(
    node="box-1",
    hubs=("https://hub:8443", "https://10.0.0.1:8443"),
    broker="mqtts://broker:8883",
    pin="sha256:" + "0" * 64,
    issued_at=1.79e9,
    lifetime_s=90 * 86_400.0,
    renew_after_s=60 * 86_400.0,
)


@pytest.fixture
def state(tmp_path):
    state = tmp_path / "state"
    (state / "joined").mkdir(parents=True)
    return state


def keep(state, one=KEPT):
    (state / "joined" / "hub.json").write_bytes(joined.to_bytes(one))


def settings(state, text="", **environment):
    path = state.parent / "agent.toml"
    path.write_text(f'state = "{state}"\n{text}')
    return load(path, environment, {})


def test_it_is_read_as_it_was_written(state):
    assert joined.read(state) is None
    keep(state)
    assert joined.read(state) == KEPT


@pytest.mark.parametrize(
    "data", [b"", b"[]", b"{}", b"\xff", b"[" * 10_000, b"x" * 70_000, b'{"node": "box-1"}']
)
def test_what_is_damaged_is_said_and_stops_nothing(state, data):
    (state / "joined" / "hub.json").write_bytes(data)
    with pytest.raises(JoinedError, match="run `skerry-agent join` again"):
        joined.read(state)
    config = settings(state)
    assert config.broker is None
    assert "damaged" in config.joined_problem
    assert settings(state, 'broker = "mqtt://b"').broker == Broker(host="b", port=1883)


def test_neither_a_link_nor_a_pipe_is_followed(state, tmp_path):
    (tmp_path / "elsewhere").write_bytes(joined.to_bytes(KEPT))
    (state / "joined" / "hub.json").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(JoinedError):
        joined.read(state)
    (state / "joined" / "hub.json").unlink()
    os.mkfifo(state / "joined" / "hub.json")
    with pytest.raises(JoinedError):
        joined.read(state)


def test_the_broker_is_the_one_of_the_join(state):
    keep(state)
    folder = f"{state}/joined"
    assert settings(state).broker == Broker(
        host="broker", port=8883, tls=True, ca=f"{folder}/broker-ca.pem",
        certificate=f"{folder}/box.pem",
    )  # fmt: skip


def test_what_is_set_wins_each_by_itself(state):
    keep(state)
    found = settings(state, 'broker = "mqtts://other"').broker
    assert (found.host, found.certificate) == ("other", f"{state}/joined/box.pem")
    found = settings(state, 'broker_ca = "/ca"').broker
    assert (found.host, found.ca) == ("broker", "/ca")
    found = settings(state, 'broker_certificate = "/c"\nbroker_key = "/k"').broker
    assert (found.certificate, found.key) == ("/c", "/k")
    found = settings(state, 'broker = "mqtt://plain"').broker
    assert (found.ca, found.certificate) == (None, None)


def test_a_broker_that_is_none_is_no_broker(state):
    keep(state, dataclasses.replace(KEPT, broker="http://broker"))
    config = settings(state)
    assert config.broker is None
    assert "no broker" in config.joined_problem


def test_what_another_node_joined_is_not_used(state):
    keep(state)
    config = settings(state)
    assert broker_now(config, "box-1").host == "broker"
    assert broker_now(config, "box-2") is None
    found = enrolled.read(state, "box-2", Host(state))
    assert "has joined as box-1" in found.problem
    assert found.enrollment is None


def a_machine(folder, files):
    """Return a box whose kernel shows these files."""
    for name, text in files.items():
        path = folder / name.lstrip("/")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return Host(folder)


def test_what_the_core_is_told(state, tmp_path):
    keep(state)
    host = a_machine(tmp_path / "box", MACHINE)
    expected = Enrollment(
        hub="https://hub:8443",
        issued_at=KEPT.issued_at,
        lifetime_s=KEPT.lifetime_s,
        renew_after_s=KEPT.renew_after_s,
    )
    assert enrolled.read(state, "box-1", host) == EnrollmentRead(expected)
    keep(state, dataclasses.replace(KEPT, machine=machine.traits(host, "box-1")))
    assert not enrolled.read(state, "box-1", host).is_another_machine
    keep(state, dataclasses.replace(KEPT, machine=("f" * 16,)))
    assert enrolled.read(state, "box-1", host).is_another_machine


MACHINE = {
    "/sys/class/dmi/id/product_uuid": "4C4C4544-0043-3010-8052-B4C04F564231\n",
    "/sys/class/dmi/id/board_serial": "Default string\n",
    "/sys/class/dmi/id/product_serial": "To be filled by O.E.M.\n",
    "/proc/device-tree/serial-number": "10000000a1b2c3d4\0",
    "/sys/class/net/eth0/addr_assign_type": "0\n",
    "/sys/class/net/eth0/address": "00:e0:4c:68:00:c8\n",
    "/sys/class/net/eth0/device/vendor": "0x8086\n",
    "/sys/class/net/eth1/addr_assign_type": "3\n",
    "/sys/class/net/eth1/address": "00:e0:4c:68:00:c9\n",
    "/sys/class/net/eth1/device/vendor": "0x8086\n",
    "/sys/class/net/br0/addr_assign_type": "0\n",
    "/sys/class/net/br0/address": "00:e0:4c:68:00:ca\n",
}


def test_what_tells_a_machine_from_others(tmp_path):
    host = a_machine(tmp_path, MACHINE)
    found = machine.traits(host, "box-1")
    assert len(found) == 3, "the UUID, the board's own number, the address of the one card"
    assert not set(found) & set(machine.traits(host, "box-2")), "salted with the node"
    assert all(len(one) == 16 for one in found)


def test_a_running_agent_sees_less_and_that_is_no_other_machine(tmp_path):
    whole = machine.traits(a_machine(tmp_path / "root", MACHINE), "box-1")
    names = {name: text for name, text in MACHINE.items() if "/dmi/" not in name}
    seen = machine.traits(a_machine(tmp_path / "agent", names), "box-1")
    assert set(seen) < set(whole)
    assert not machine.is_another(whole, seen)


@pytest.mark.parametrize(
    ("noted", "found", "another"),
    [
        ((), ("a",), False),
        (("a",), (), False),
        (("a", "b"), ("b", "c"), False),
        (("a",), ("b",), True),
    ],
)
def test_another_machine_has_nothing_in_common(noted, found, another):
    assert machine.is_another(noted, found) is another


@pytest.mark.parametrize(
    "text", ["", "None", "0000000000", "FFFFFFFF-FFFF", "System Serial Number"]
)
def test_what_a_maker_left_out_tells_nothing(tmp_path, text):
    host = a_machine(tmp_path, {"/sys/class/dmi/id/board_serial": text})
    assert machine.traits(host, "box-1") == ()


def test_the_file_is_for_people_too(state):
    keep(state)
    assert json.loads((state / "joined" / "hub.json").read_text())["broker"] == KEPT.broker
