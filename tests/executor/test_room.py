"""Room for a new revision, in numbers."""

import pytest
from tests.executor.orders import container, instance

from skerry_executor.room import Room, lacking_disk, lacking_memory

MIB = 2**20


def limited(*mib):
    parts = [container(f"c{n}", memory_limit_bytes=m and m * MIB) for n, m in enumerate(mib)]
    return instance(containers=parts)


def test_what_is_lacking_on_the_disk_is_said_in_numbers():
    assert lacking_disk(64 * MIB, 64 * MIB) is None
    assert lacking_disk(None, 64 * MIB) is None
    assert lacking_disk(3 * MIB, 64 * MIB) == (
        "no room on disk: 3 MiB are free where the runtime keeps its containers, 64 MiB are to "
        "stay so"
    )


@pytest.mark.parametrize(
    ("available", "back", "wanted", "earlier", "lacks"),
    [
        (100, 50, (200,), (100,), True),
        (100, 100, (200,), (100,), False),
        (100, 0, (60, 60), (None,), True),
        (10, 0, (200,), (200,), False),  # it ran with as much
        (10, 0, (None,), (100,), False),
        (None, 0, (200,), (100,), False),
    ],
)
def test_memory_is_looked_at_where_more_is_asked_for(available, back, wanted, earlier, lacks):
    available_bytes = None if available is None else available * MIB
    found = lacking_memory(available_bytes, back * MIB, limited(*wanted), limited(*earlier))
    assert (found is not None) is lacks


def test_a_box_is_looked_at(tmp_path):
    (tmp_path / "proc").mkdir()
    (tmp_path / "proc" / "meminfo").write_text("MemTotal: 1 kB\nMemAvailable:  102400 kB\n")
    wanted, earlier = limited(200), limited(100)
    room = Room("podman", 0, lambda _: 50 * MIB, tmp_path)
    assert room.lacking(wanted, earlier, ["a"]) == (
        "no room in memory: it may take 200 MiB; 100 MiB are available, and what runs gives 50 "
        "MiB back"
    )
    assert room.lacking(wanted, earlier, ["a", "b"]) is None
    assert Room("podman", 0, lambda _: None, tmp_path).lacking(wanted, earlier, ["a"]) is None
    assert "no room on disk" in Room("fake", 2**62, lambda _: 0, tmp_path).lacking(
        wanted, earlier, []
    )
