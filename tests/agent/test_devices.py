"""Devices that come, go and are in use, read as transcripts."""

import pytest
from tests.agent.test_core import Box, published

from skerry_agent import devices, effects
from skerry_agent import events as ev
from skerry_agent.reporting import MOST_GONE, MOST_PROBLEMS
from skerry_agent.status import status_of
from skerry_wire import codec, envelope
from skerry_wire.hardware import Accelerator, Hardware, SerialPort, UsbDevice
from skerry_wire.local import Outcome
from skerry_wire.messages import EventKind, Order
from skerry_wire.topics import NodeTopic
from skerry_wire.workload import BusDevice, Container, DeviceMapping, Instance

TTY, SPI = "/dev/ttyUSB0", "/dev/spidev0.0"


def stick(vendor, product):
    """A Coral stick on one port, before or after its firmware."""
    coral = Accelerator(
        kind="tpu", vendor="Google", model="Coral Edge TPU", bus="usb", address="1-2"
    )
    usb = UsbDevice(path="1-2", vendor=vendor, product=product)
    return Hardware(usb=(usb,), accelerators=(coral,))


BARE, LOADED, NOTHING = stick("1a6e", "089a"), stick("18d1", "9302"), Hardware()
KEYBOARD = Hardware(usb=(UsbDevice(path="1-2", vendor="046d", product="c31c"),))


def probed(box, hardware):
    """Tell the core what a look found; return kind and subject of the events that it tells."""
    done = box.on(ev.HardwareProbed(hardware, codec.revision_of(hardware)))
    return told(done), published(done, NodeTopic.CAPABILITY)


def told(done):
    return [(e.kind.value, e.subject) for e in published(done, NodeTopic.EVENT)]


# --- re-enumeration ------------------------------------------------------------------------


@pytest.fixture
def box():
    box = Box().up()
    assert probed(box, BARE)[0] == [("plugged", "tpu 1-2"), ("plugged", "usb 1-2")]
    return box


def test_a_stick_that_changes_its_ids_between_two_looks_is_one_stick(box):
    events, capability = probed(box, LOADED)
    assert events == []
    assert capability[0].hardware.usb[0].vendor == "18d1"


def test_a_stick_that_is_away_to_load_its_firmware_is_told_as_nothing(box):
    events, capability = probed(box, NOTHING)
    assert events == []
    assert capability[0].hardware == NOTHING, "the capability is the truth at once"
    assert told(box.wait(3)) == []
    assert probed(box, LOADED)[0] == []
    assert told(box.wait(60)) == []
    assert box.state.held == ()


def test_a_stick_that_stays_away_is_told_after_the_time_to_settle(box):
    probed(box, NOTHING)
    assert told(box.wait(4.9)) == []
    assert sorted(told(box.wait(0.2))) == [("unplugged", "tpu 1-2"), ("unplugged", "usb 1-2")]
    assert told(box.wait(60)) == []
    assert sorted(probed(box, LOADED)[0]) == [("plugged", "tpu 1-2"), ("plugged", "usb 1-2")]


def test_another_device_in_its_port_is_told(box):
    probed(box, NOTHING)
    assert probed(box, KEYBOARD)[0] == [("unplugged", "usb 1-2"), ("plugged", "usb 1-2")]
    assert told(box.wait(6)) == [("unplugged", "tpu 1-2")]


def test_other_devices_wait_for_nothing():
    box = Box().up()
    probed(box, KEYBOARD)
    assert probed(box, NOTHING)[0] == [("unplugged", "usb 1-2")]


def test_what_is_held_back_is_told_before_the_agent_ends(box):
    probed(box, NOTHING)
    done = box.on(ev.StopAsked())
    assert sorted(told(done)) == [("unplugged", "tpu 1-2"), ("unplugged", "usb 1-2")]
    saved = [e for e in done if isinstance(e, effects.Save)]
    assert len(saved[-1].events) >= 2


def test_after_a_change_it_looks_a_second_time_and_no_more():
    box = Box().up()
    box.on(ev.DevicesChanged("usb"))
    assert effects.Probe() in box.wait(0.3)
    probed(box, NOTHING)
    assert box.wait(4) == []
    assert effects.Probe() in box.wait(2)
    probed(box, NOTHING)
    assert [e for e in box.wait(20) if isinstance(e, effects.Probe)] == []


# --- in use ----------------------------------------------------------------------------------


def order(generation, **instances):
    """Return the bytes of an order whose instances (by name, _ for -) use device nodes."""
    made = tuple(
        Instance(
            id=name.replace("_", "-"),
            workload="shop",
            revision="0" * 16,
            containers=(
                Container(
                    name="c",
                    image="image",
                    devices=tuple(DeviceMapping(host=p, container=p) for p in paths),
                ),
            ),
        )
        for name, paths in instances.items()
    )
    whole = Order(
        node="box-1", incarnation="0" * 32, generation=generation, issued_at=1.0, instances=made
    )
    return codec.encode(envelope.seal(whole, "0" * 16, lambda data: b"s" * 64))


def accept(box, generation, **instances):
    """Have an order accepted; return what was done about it."""
    box.wait(1)
    data = order(generation, **instances)
    (run,) = [e for e in box.on(ev.OrderArrived(data)) if isinstance(e, effects.Converge)]
    outcome = Outcome(accepted=generation, digest="a" * 64, reached=True)
    return box.on(ev.ExecutorDone(run.run, outcome))


def seen(box, *missing):
    return box.on(ev.NodesSeen(tuple(box.state.uses), frozenset(missing)))


def looks(done):
    return [e.paths for e in done if isinstance(e, effects.LookForNodes)]


def problems(done):
    return [report.problems for report in published(done, NodeTopic.REPORT)]


def test_the_nodes_of_an_accepted_order_are_looked_for_at_once_and_after_each_probe():
    box = Box().up()
    assert looks(accept(box, 1, shop_web_0=[TTY], shop_db_0=[TTY, SPI])) == [(SPI, TTY)]
    assert looks(box.on(ev.HardwareProbed(NOTHING, "c" * 16))) == [(SPI, TTY)]
    assert looks(accept(box, 2)) == []
    assert looks(box.on(ev.HardwareProbed(NOTHING, "c" * 16))) == []


def test_a_node_in_use_that_goes_is_an_event_and_a_problem_until_it_is_back():
    box = Box().up()
    port = SerialPort(name="ttyUSB0", path=TTY, address="1-1")
    usb = UsbDevice(path="1-1", vendor="0403", product="6001", product_name="FT232 Serial")
    probed(box, Hardware(usb=(usb,), serial_ports=(port,)))
    accept(box, 1, shop_web_0=[TTY], shop_db_0=[TTY])
    assert told(seen(box)) == []
    probed(box, NOTHING)
    done = seen(box, TTY)
    (event,) = published(done, NodeTopic.EVENT)
    assert (event.kind, event.subject) == (EventKind.UNPLUGGED, TTY)
    assert event.detail == "FT232 Serial, used by shop-web-0, shop-db-0"
    problem = "/dev/ttyUSB0 is gone; used by shop-web-0, shop-db-0"
    assert problems(done) == [(problem,)]
    assert status_of(box.state, "b").problems == (problem,)
    assert seen(box, TTY) == [], "it is told once"
    done = seen(box)
    (event,) = published(done, NodeTopic.EVENT)
    assert (event.kind, event.subject) == (EventKind.PLUGGED, TTY)
    assert problems(done) == [()]


def test_what_is_not_there_at_the_first_look_is_a_problem_and_no_event():
    box = Box(order=order(4, shop_web_0=[TTY]))
    assert looks(box.on(ev.Started())) == [(TTY,)]
    seen(box, TTY)
    done = box.on(ev.Connected(1))
    assert problems(done) == [("/dev/ttyUSB0 is gone; used by shop-web-0",)]
    assert told(done) == [("started", "agent")]
    assert told(seen(box)) == [("plugged", TTY)]


def test_an_order_that_uses_it_no_more_ends_the_problem():
    box = Box().up()
    accept(box, 1, shop_web_0=[TTY, SPI])
    seen(box, TTY)
    accept(box, 2, shop_web_0=[SPI])
    done = seen(box)
    assert told(done) == []
    assert box.state.reported.problems == ()


def test_what_was_looked_for_before_a_newer_order_is_not_taken():
    box = Box().up()
    accept(box, 1, shop_web_0=[TTY])
    late = ev.NodesSeen((TTY,), frozenset({TTY}))
    accept(box, 2, shop_web_0=[SPI])
    assert box.on(late) == []


def test_an_order_that_was_refused_changes_nothing():
    box = Box().up()
    accept(box, 1, shop_web_0=[TTY])
    box.wait(1)
    box.on(ev.OrderArrived(order(2, shop_web_0=[SPI])))
    assert tuple(box.state.uses) == (TTY,)


def test_only_device_nodes_are_looked_for_and_not_too_many():
    paths = [f"/dev/tty{i}" for i in range(100)]
    many = {f"w_{i}": [f"{p}{i}" for p in paths] for i in range(5)}
    assert len(devices.uses_of(order(1, **many))) == devices.MOST_NODES
    strange = ["/proc/kmsg", "/dev/../etc/shadow", "/devices", "/dev/a\x1b[2J", "/dev/null"]
    assert devices.uses_of(order(1, w_0=strange)) == {"/dev/null": ("w-0",)}
    assert devices.uses_of(b"\xc1") == {}


def test_the_report_is_bounded_however_much_is_gone():
    box = Box().up()
    many = {f"w_{i}": [f"/dev/n{j}" for j in range(100)] for i in range(20)}
    accept(box, 1, **many)
    (told_problems,) = problems(seen(box, *box.state.uses))
    assert len(told_problems) == MOST_GONE + 1 <= MOST_PROBLEMS
    assert "and 12 more" in told_problems[0]
    assert told_problems[-1] == f"{100 - MOST_GONE} more devices in use are gone"


# --- devices on a bus --------------------------------------------------------------------------

ADAPTER = BusDevice(bus="usb", address="1-2")


def on_bus(box):
    """Have an order accepted whose instance has a device on a bus."""
    return given(box, bus_devices=(ADAPTER,))


def given(box, **had):
    box.wait(1)
    made = Instance(
        id="scale-0",
        workload="scale",
        revision="0" * 16,
        containers=(Container(name="c", image="image", **had),),
    )
    whole = Order(
        node="box-1", incarnation="0" * 32, generation=1, issued_at=1.0, instances=(made,)
    )
    data = codec.encode(envelope.seal(whole, "0" * 16, lambda _: b"s" * 64))
    (run,) = [e for e in box.on(ev.OrderArrived(data)) if isinstance(e, effects.Converge)]
    outcome = Outcome(accepted=1, digest="a" * 64, reached=True)
    return box.on(ev.ExecutorDone(run.run, outcome))


def signed(box, sign):
    missing = frozenset() if sign else frozenset({"usb 1-2"})
    return box.on(ev.NodesSeen(("usb 1-2",), missing, {"usb 1-2": sign}))


def visits(box, seconds=1):
    return [e for e in box.wait(seconds) if isinstance(e, effects.Converge)]


def test_a_device_that_was_plugged_anew_has_the_executor_look():
    box = Box().up()
    assert looks(on_bus(box)) == [("usb 1-2",)]
    signed(box, "189:3")
    assert visits(box) == [], "the first look is no change"
    signed(box, "189:3")
    assert visits(box) == []
    signed(box, "189:4")
    (visit,) = visits(box)
    assert visit.order is None
    box.on(ev.ExecutorDone(visit.run, Outcome(accepted=1, reached=True)))
    assert visits(box, 5) == []


def test_while_it_is_away_it_is_a_problem_and_when_it_is_back_the_executor_looks():
    box = Box().up()
    probed(box, KEYBOARD)
    on_bus(box)
    signed(box, "189:3")
    gone = signed(box, "")
    assert told(gone) == [("unplugged", "usb 1-2")]
    assert status_of(box.state, "").problems == ("usb 1-2 is gone; used by scale-0",)
    assert visits(box) == [], "nothing can be done about it"
    assert told(signed(box, "189:3")) == [("plugged", "usb 1-2")]
    assert len(visits(box)) == 1
    assert status_of(box.state, "").problems == ()


def test_what_changes_during_a_visit_is_looked_at_after_it():
    box = Box().up()
    on_bus(box)
    signed(box, "189:3")
    box.on(ev.ReloadAsked())
    signed(box, "189:4")
    assert visits(box) == []
    box.on(ev.ExecutorDone(box.state.run, Outcome(accepted=1, reached=True)))
    assert len(visits(box, 2)) == 1


# --- devices by names of CDI -------------------------------------------------------------------

GPU = "nvidia.com/gpu=0"


def test_a_device_that_goes_from_its_specification_is_an_event_and_a_problem_until_it_is_back():
    box = Box().up()
    assert looks(given(box, cdi_devices=(GPU,))) == [(GPU,)]
    assert told(seen(box)) == []
    done = seen(box, GPU)
    (event,) = published(done, NodeTopic.EVENT)
    assert (event.kind, event.subject, event.detail) == (
        EventKind.UNPLUGGED,
        GPU,
        "used by scale-0",
    )
    assert problems(done) == [(f"{GPU} is gone; used by scale-0",)]
    assert told(seen(box)) == [("plugged", GPU)]
    assert box.state.reported.problems == ()


def test_one_that_no_specification_ever_had_is_given_by_the_runtime_itself():
    box = Box().up()
    given(box, cdi_devices=(GPU,))
    assert told(seen(box, GPU)) == []
    assert box.state.reported.problems == ()
