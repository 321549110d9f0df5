"""Room for a new revision, in numbers."""

import os
import pathlib

import pytest
from tests.executor.orders import container, instance
from tests.executor.surroundings import mounted

from skerry_executor.room import Room, kept_in, lacking_disk, lacking_memory
from skerry_executor.runtimes.base import Failure, RuntimeFailure, Storage
from skerry_wire.workload import Mount

MIB = 2**20
ROOT = pathlib.Path("/nowhere/at/all")
STORAGE = Storage(containers=ROOT, volumes=ROOT / "volumes")


def storage():
    return STORAGE


def limited(*mib):
    parts = [container(f"c{n}", memory_limit_bytes=m and m * MIB) for n, m in enumerate(mib)]
    return instance(containers=parts)


def test_what_is_lacking_on_the_disk_is_said_in_numbers():
    assert lacking_disk(64 * MIB, 64 * MIB, "it lies") is None
    assert lacking_disk(None, 64 * MIB, "it lies") is None
    assert lacking_disk(3 * MIB, 64 * MIB, "it lies") == (
        "no room on disk: 3 MiB are free where it lies, 64 MiB are to stay so"
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
    room = Room(storage, 0, lambda _: 50 * MIB, tmp_path)
    assert room.lacking(wanted, earlier, ["a"]) == (
        "no room in memory: it may take 200 MiB; 100 MiB are available, and what runs gives 50 "
        "MiB back"
    )
    assert room.lacking(wanted, earlier, ["a", "b"]) is None
    assert Room(storage, 0, lambda _: None, tmp_path).lacking(wanted, earlier, ["a"]) is None


def test_the_disks_of_the_runtime_and_of_each_volume_are_looked_at():
    mounts = [Mount(kind="volume", source="data", target="/data"), Mount(kind="tmpfs", target="/t")]
    wanted = instance(containers=[container(mounts=(*mounts, Mount(kind="volume", target="/v")))])
    assert list(kept_in(STORAGE, wanted)) == [
        (ROOT, f"the runtime keeps its containers ({ROOT})"),
        (ROOT / "volumes", f"the runtime keeps its volumes ({ROOT}/volumes)"),
        (ROOT / "volumes/data/_data", f"volume data lies ({ROOT}/volumes)"),
    ]
    lack = Room(storage, 2**62, lambda _: 0).lacking(wanted, wanted, [])
    assert lack is not None
    assert lack.startswith("no room on disk: ")
    assert f"MiB are free where the runtime keeps its containers ({ROOT}), " in lack


def test_a_pull_wants_the_reserve_free_where_images_are_kept(tmp_path):
    here = Storage(containers=tmp_path, volumes=ROOT)
    assert Room(lambda: here, 0, lambda _: 0).lacking_for_pull() is None
    lack = Room(lambda: here, 2**62, lambda _: 0).lacking_for_pull()
    assert lack is not None
    assert f" MiB are free where the runtime keeps its images ({tmp_path}), " in lack


def test_a_runtime_that_does_not_tell_where_it_keeps_things_holds_nothing_up():
    def silent():
        raise RuntimeFailure(Failure.TIMED_OUT, "it does not answer")

    room = Room(silent, 2**62, lambda _: 0)
    assert room.lacking(limited(None), limited(None), []) is None
    assert room.lacking_for_pull() is None


@pytest.mark.parametrize("size_mib", [1, 8])
def test_another_file_system_counts_for_itself(tmp_path, size_mib):
    if os.geteuid():
        pytest.skip("mounts need root")
    volume = tmp_path / "volumes/data/_data"
    volume.mkdir(parents=True)
    wanted = instance(
        containers=[container(mounts=(Mount(kind="volume", source="data", target="/data"),))]
    )
    with mounted(volume, size_mib):
        here = Storage(containers=tmp_path, volumes=tmp_path / "volumes")
        lack = Room(lambda: here, 4 * MIB, lambda _: 0).lacking(wanted, wanted, [])
    assert (lack is not None and "volume data lies" in lack) is (size_mib < 4)
