"""What a second person approves: the same for hub and box, and nothing that is decided by node."""

import dataclasses

import pytest
from tests.wire.samples import CONTAINER, ORDER

from skerry_wire import approval, codec, envelope
from skerry_wire.errors import WireError
from skerry_wire.lifecycle import File, Job, Lease, Sealed
from skerry_wire.workload import BusDevice, Container, DeviceMapping, Instance

TTY = DeviceMapping(host="/dev/ttyS0", container="/dev/ttyS0", permissions="rw")
SECRET = Sealed(name="db", version="1a")
PLAIN = Container(
    name="web",
    image="registry.example/shop:1",
    environment={"A": "1"},
    devices=(TTY,),
    files=(File(path="/etc/db", secret=SECRET), File(path="/etc/motd", content=b"hello")),
    secret_environment={"PASSWORD": SECRET},
)


def content(*containers, placed=False, shared=False):
    return approval.content_of(
        "shop", containers or (PLAIN,), shared_network=shared, placed_devices=placed
    )


def instance(container=PLAIN, **changes):
    return Instance(
        id="shop-0", workload="shop", revision="1" * 16, containers=(container,), **changes
    )


def approved(**changes):
    return approval.approval_of(content(**changes), 1.0)


def test_a_box_works_out_the_same_content_as_the_hub():
    box = dataclasses.replace(SECRET, box=b"sealed for this box")
    on_box = dataclasses.replace(
        PLAIN,
        files=(File(path="/etc/db", secret=box), PLAIN.files[1]),
        secret_environment={"PASSWORD": box},
        credentials=Sealed(name="registry", version="2", box=b"x"),
    )
    found = approval.of_instance(instance(on_box, lease=Lease(duration_s=60), job=Job()))
    assert found == content()
    assert approval.lacks(approved(), found) is None


def test_the_digest_never_changes():
    """An approval that was given must hold after hub and box are updated."""
    assert approval.digest_of(content()) == DIGEST
    assert approval.digest_of(approval.of_instance(ORDER.instances[0]))


DIGEST = "f05b11c5ea1b1e27588413e55d228c19503ce6e2ec5a4a330093d369999ae747"


@pytest.mark.parametrize(
    "changes",
    [
        {"image": "registry.example/shop:2"},
        {"command": ("/bin/sh",)},
        {"environment": {"A": "2"}},
        {"privileged": True},
        {"network": "host"},
        {"user": "0"},
        {"cap_add": ("SYS_ADMIN",)},
        {"files": (PLAIN.files[0], File(path="/etc/motd", content=b"hullo"))},
        {"files": (File(path="/etc/db", secret=Sealed(name="db", version="2b")), PLAIN.files[1])},
        {"files": (File(path="/etc/db", content=b"in plain"), PLAIN.files[1])},
        {"secret_environment": {"PASSWORD": Sealed(name="other", version="1a")}},
        {"mounts": CONTAINER.mounts},
    ],
    ids=str,
)
def test_whatever_else_is_to_run_needs_another_approval(changes):
    other = approval.of_instance(instance(dataclasses.replace(PLAIN, **changes)))
    assert approval.lacks(approved(), other) == "is for another content"


def test_a_second_container_and_a_shared_network_are_another_content():
    twice = dataclasses.replace(PLAIN, name="other")
    assert approval.lacks(approved(), content(PLAIN, twice)) == "is for another content"
    assert approval.lacks(approved(), content(shared=True)) == "is for another content"


def test_an_approval_is_for_one_workload():
    other = dataclasses.replace(instance(), workload="till")
    assert approval.lacks(approved(), approval.of_instance(other)) == "is for workload shop"


def test_devices_beyond_those_that_were_named_are_not_approved():
    disk = DeviceMapping(host="/dev/sda", container="/dev/ttyS0", permissions="rw")
    more = dataclasses.replace(PLAIN, devices=(TTY, disk))
    lacking = approval.lacks(approved(), approval.of_instance(instance(more)))
    assert lacking == "does not name the device 'web: /dev/sda as /dev/ttyS0 (rw)'"
    wider = dataclasses.replace(PLAIN, devices=(dataclasses.replace(TTY, permissions="rwm"),))
    assert "(rwm)" in approval.lacks(approved(), approval.of_instance(instance(wider)))
    named = dataclasses.replace(PLAIN, cdi_devices=("nvidia.com/gpu=0",))
    assert "gpu=0" in approval.lacks(approved(), approval.of_instance(instance(named)))
    stick = BusDevice(bus="usb", address="1-1")
    plugged = dataclasses.replace(PLAIN, bus_devices=(stick,))
    lacking = approval.lacks(approved(), approval.of_instance(instance(plugged)))
    assert lacking == "is for a workload that asks for no devices"


def test_a_workload_that_asks_for_devices_gets_those_of_its_box():
    given = dataclasses.replace(
        PLAIN, devices=(TTY, DeviceMapping(host="/dev/dri/card0", container="/dev/dri/card0")),
        bus_devices=(BusDevice(bus="usb", address="1-1"),), cdi_devices=("nvidia.com/gpu=0",),
    )  # fmt: skip
    assert approval.lacks(approved(placed=True), approval.of_instance(instance(given))) is None


def test_fewer_devices_than_approved_are_fine():
    none = dataclasses.replace(PLAIN, devices=())
    assert approval.lacks(approved(), approval.of_instance(instance(none))) is None


def test_a_sealed_approval_opens_the_same_and_is_no_order():
    sealed = envelope.seal_approval(approved(), "0" * 16, lambda _: b"s" * 64)
    assert envelope.open_approval(sealed) == approved()
    with pytest.raises(WireError, match="is no order"):
        envelope.open_payload(sealed)
    with pytest.raises(WireError, match="is no approval"):
        envelope.open_approval(dataclasses.replace(sealed, type=envelope.GRANT))


def test_one_that_no_order_could_carry_is_not_made():
    many = tuple(
        DeviceMapping(host=f"/dev/{'x' * 200}{n}", container=f"/dev/{n}") for n in range(64)
    )
    large = approval.approval_of(content(dataclasses.replace(PLAIN, devices=many)), 1.0)
    with pytest.raises(WireError, match="the approval is"):
        envelope.seal_approval(large, "0" * 16, lambda _: b"s" * 64)


def test_what_is_approved_can_be_read_back():
    found = content()
    assert codec.decode(approval.ApprovedContent, codec.pack(found), strict=True) == found
