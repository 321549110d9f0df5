"""Whether a field may have values that fit."""

import pytest

from skerry_hub.placement.device_expression import device_field
from skerry_hub.placement.effort import Effort, TooMuchError
from skerry_hub.placement.literals import Every, formula
from skerry_hub.placement.reading import expression
from skerry_hub.placement.witness import fits_some

A = "node.labels.a"
V = "node.hardware.accelerators.vendor"
RAM = "node.hardware.memory.total_bytes"
SPEED = "node.hardware.nics.speed_mbps"
CPUS = "node.hardware.cpu.logical_count"
MHZ = "node.hardware.cpu.max_mhz"
USABLE = "node.hardware.accelerators.usable"
STATUS = "node.hardware.probes.usb.status"
ARCH = "node.platform.arch"
LARGEST = ".".join(["999999999999999999"] * 16)
LAST = f"{LARGEST}-{LARGEST}"


def literals(texts, vocabulary):
    found = []
    for text in texts:
        one = formula(expression(text, vocabulary) if vocabulary else expression(text))
        found += one.parts if isinstance(one, Every) else [one]
    return found


def fits(*texts, vocabulary=None, effort=10_000):
    return fits_some(literals(texts, vocabulary), Effort(effort))


@pytest.mark.parametrize(
    "texts",
    [
        ["node.id not exists"],
        ["node.hostname not exists"],
        [f"{A} in [x, y]", f"{A} in [y, z]", f"{A} != y"],
        [f"{A} == 3", f"{A} > 3"],
        [f"{A} == v2", f"{A} version < 2"],
        [f"{A} > 3", f"{A} <= 3"],
        [f"{A} > 3", f"not({A} > 2.5)"],
        [f"{A} version >= 2", f"{A} version < 1"],
        [f"{A} version > 1.9", f"{A} version < 1.9"],
        [f"{A} version > 1.9-rc1", f"{A} version < 1.9"],
        [f"{A} version < 0-rc1"],
        [f"{A} version > {LAST}"],
        [f"{A} version > 6.1-18", f"{A} version < 6.1.0-18-amd64"],
        [f"{A} version == 6.1", f"{A} version == 6.1.0-18"],
        [f"{A} version == 1.9", f"{A} version != 1.9.0"],
        [f"{A} matches ^x", f"{A} not matches ^x"],
        [f"{A} matches ^x", f"{A} in [y, z]"],
        [f"{A} not exists", f"{A} not matches ^x"],
        [f"{A} matches ^x", f"{A} matches ^y"],
        [f"{A} matches ^[xy]$", f"{A} not in [x, y]"],
        [f"{A} matches ^box-[0-9]+$", f"{A} not matches -[0-9]"],
        [f"{A} not matches (.|^$)", f'{A} != "\\n"', f"{A} matches ^[^a]?$"],
        [f"{V} contains x", f"{V} not contains x"],
        [f"{V} contains all [x, y]", f"{V} not contains any [y, z]"],
        [f"{V} exists", f"{V} not exists"],
        [f"{V} contains xy", f"not({V} matches x)"],
        [f"{SPEED} > 100", f"not({SPEED} >= 50)"],
        [f"{USABLE} exists", f"{USABLE} != true", f"{USABLE} != false"],
        [f"{STATUS} exists", f"{STATUS} not in [found, absent, failed]"],
        [f"{RAM} > 8GiB", f"{RAM} < 8589934593"],
        [f"{RAM} < 0"],
        [f"{CPUS} > 4", f"{CPUS} < 5"],
        [f"{CPUS} >= 4.5", f"{CPUS} < 5"],
        [f"{CPUS} > 4", f"not({CPUS} >= 5)", f"{CPUS} exists"],
        [f"{ARCH} == arm64", f"{ARCH} == amd64"],
        [f"{ARCH} == arm64", f"{ARCH} != aarch64"],
        [f"{ARCH} == arm64", f"{ARCH} matches ^x86"],
    ],
)
def test_no_values_fit(texts):
    assert not fits(*texts)


@pytest.mark.parametrize(
    "texts",
    [
        ["node.platform.os not exists"],
        [f"{A} != x", f"{A} not exists", f"not({A} > 3)"],
        [f"{A} in [x, 4]", f"{A} > 3", f"not({A} > 5)"],
        [f"{A} > 3", f"{A} < 3.1", f"{A} != 3.05"],
        [f"{A} exists", f"not({A} > 3)", f"not({A} <= 3)"],
        [f"{A} version > 1.9", f"{A} version < 1.9.1", f"not({A} > 0)"],
        [f"{A} version > 1.9", f"{A} version < 1.10-rc1"],
        [f"{A} version < 0"],
        [f"{A} matches ^x", f"{A} not matches y", f"{A} != x"],
        [f"{V} contains x", f"{V} == y", f"{V} not contains z"],
        [f"{SPEED} > 100", f"{SPEED} < 50"],
        [f"{SPEED} > 100", f"{SPEED} != 1000"],
        [f"{MHZ} > 100", f"{MHZ} < 101"],
        [f"{CPUS} > 4", f"{CPUS} <= 5"],
        [f"{CPUS} > 3.5", f"{CPUS} < 4.5"],
        [f"{CPUS} > 4", f"{CPUS} < 7", f"{CPUS} != 5"],
        [f"{SPEED} > 4", f"{SPEED} < 5"],
        [f"{RAM} > 8GiB", f"{RAM} < 8589934594"],
        [f"{ARCH} == arm", f"{ARCH} != armv7l"],
        [f"{ARCH} version < 3", f"{ARCH} version > 5"],
        [f"{ARCH} exists", f"{ARCH} != arm64"],
        ["node.hardware.usb exists"],
    ],
)
def test_some_values_may_fit(texts):
    assert fits(*texts)


def test_fields_of_devices():
    assert not fits("kind == gpu", "kind == npu", vocabulary=device_field)
    assert fits("numa_node >= 0", "numa_node < 1", vocabulary=device_field)
    assert not fits("numa_node > 0", "numa_node < 1", vocabulary=device_field)
    assert not fits("kind exists", "kind != gpu", "kind == gpu", vocabulary=device_field)


def test_no_more_effort_than_is_granted():
    with pytest.raises(TooMuchError):
        fits(f"{A} in [x, y, z]", f"{A} == z", f"{A} != z", effort=2)
    assert not fits(f"{A} in [x, y, z]", f"{A} == z", f"{A} != z", effort=3)
    # A long text costs what reading it does.
    long = "x" * 1000
    with pytest.raises(TooMuchError):
        fits(f"{A} == {long}", f"{A} matches y", effort=60)
    assert not fits(f"{A} == {long}", f"{A} matches y", effort=64)
