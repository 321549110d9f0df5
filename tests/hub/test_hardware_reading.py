"""Hardware of many boxes: what is alike is held once, and a misspelt key changes nothing unseen."""

import pytest
from tests.hub.records import hardware

from skerry_hub.hardware_reading import UNKNOWN, HardwareReader
from skerry_wire import codec
from skerry_wire.errors import WireError

PLAIN = codec.to_plain(hardware("till-1"))


def test_parts_that_are_alike_are_read_once():
    reader = HardwareReader(strict=True)
    one, two = reader.read(PLAIN), reader.read({**PLAIN, "labels": {"site": "quay-3"}})
    assert one == hardware("till-1")
    assert one.cpu is two.cpu
    assert reader.revision(one) == codec.revision_of(one) != reader.revision(two)


@pytest.mark.parametrize(
    ("more", "field"),
    [({"weather": 1}, "weather"), ({"memory": {"total_byte": 1}}, "memory.total_byte")],
)
def test_only_where_it_is_strict_unknown_keys_are_refused(more, field):
    HardwareReader(strict=False).read({**PLAIN, **more})
    with pytest.raises(WireError) as error:
        HardwareReader(strict=True).read({**PLAIN, **more})
    assert (error.value.field, error.value.reason) == (field, UNKNOWN)


@pytest.mark.parametrize(
    ("plain", "field"),
    [(3, ""), ({"cpu": 3}, "cpu"), ({"cpu": {"logical_count": "4"}}, "cpu.logical_count")],
)
def test_what_is_no_hardware_is_refused_by_field(plain, field):
    with pytest.raises(WireError) as error:
        HardwareReader(strict=True).read(plain)
    assert error.value.field == field
