"""What is remembered of pulls, and what is removed, on the fake runtime and on a real podman."""

import dataclasses

import pytest
from tests.executor.fake_runtime import FakeRuntime
from tests.executor.orders import IMAGE, instance

from skerry_executor.pulled_images import FILE, PulledImages
from skerry_executor.runtimes.base import Failure, RuntimeFailure
from skerry_wire.box_policy import BoxPolicy

WEB, OLD = "registry.example/web:1", "registry.example/web:0"
DAY = 86400.0
POLICY = BoxPolicy()
FULL = dataclasses.replace(POLICY, image_keep_days=0, image_free_percent=100)
START = 1_790_000_000.0


@pytest.fixture
def runtime():
    return FakeRuntime(images=[IMAGE])


@pytest.fixture
def images(tmp_path):
    return PulledImages(tmp_path)


def pull(images, runtime, name):
    with images.pulling(runtime, name):
        runtime.stored.add(name)


def days(images, runtime, *instances, policy=POLICY, first=0, last=8):
    """Let days go by, with a look each; `instances` are wanted all the time."""
    for day in range(first, last + 1):
        images.clean(runtime, instances, policy, START + day * DAY)


def test_what_is_unused_for_a_week_goes_and_what_is_used_or_not_ours_stays(images, runtime):
    for name in (OLD, WEB):
        pull(images, runtime, name)
    wanted = instance(image=WEB)
    days(images, runtime, wanted, last=6)
    assert runtime.stored == {IMAGE, OLD, WEB}
    days(images, runtime, wanted, first=7, last=8)
    assert runtime.stored == {IMAGE, WEB}


def test_it_is_remembered_by_the_next_process(images, runtime, tmp_path):
    pull(images, runtime, OLD)
    for day in range(9):
        PulledImages(tmp_path).clean(runtime, (), POLICY, START + day * DAY)
    assert runtime.stored == {IMAGE}


def test_a_use_in_between_begins_the_week_anew(images, runtime):
    pull(images, runtime, OLD)
    days(images, runtime, last=5)
    days(images, runtime, instance(image=OLD), first=6, last=6)
    days(images, runtime, first=7, last=13)
    assert OLD in runtime.stored
    days(images, runtime, first=14, last=15)
    assert OLD not in runtime.stored


def test_a_clock_that_jumps_ten_years_removes_nothing(images, runtime):
    pull(images, runtime, OLD)
    for now in (START, START + 3650 * DAY, 5.0, START):
        images.clean(runtime, (), POLICY, now)
    assert OLD in runtime.stored


def test_nothing_is_removed_where_the_box_keeps_all(images, runtime):
    pull(images, runtime, OLD)
    days(images, runtime, policy=dataclasses.replace(POLICY, image_keep_days=0), last=40)
    assert OLD in runtime.stored


def test_a_full_disk_takes_what_is_unused_at_once_and_nothing_else(images, runtime):
    for name in (OLD, WEB):
        pull(images, runtime, name)
    images.clean(runtime, [instance(image=WEB)], FULL, START)
    assert runtime.stored == {IMAGE, WEB}


def test_a_full_disk_takes_no_more_than_makes_room(runtime, tmp_path):
    def free_percent(_folder):
        return 30.0 - 10.0 * len(runtime.stored)

    images = PulledImages(tmp_path, free=free_percent)
    for name in (OLD, WEB):
        pull(images, runtime, name)
    images.clean(runtime, (), dataclasses.replace(FULL, image_free_percent=10), START)
    assert len(runtime.stored) == 2


def test_a_disk_with_room_takes_nothing_before_its_time(images, runtime):
    pull(images, runtime, OLD)
    images.clean(runtime, (), dataclasses.replace(FULL, image_free_percent=1), START)
    assert OLD in runtime.stored


def test_what_a_container_has_stays_and_the_others_go(images, runtime):
    for name in (OLD, WEB):
        pull(images, runtime, name)
    runtime.create("a", OLD, instance().containers[0], {}, instance())
    images.clean(runtime, (), FULL, START)
    assert runtime.stored == {IMAGE, OLD}


def test_a_pull_that_failed_is_not_remembered(images, runtime, tmp_path):
    with pytest.raises(RuntimeFailure), images.pulling(runtime, OLD):
        raise RuntimeFailure(Failure.PULL, "away")
    assert not (tmp_path / FILE).exists()


def test_what_a_boot_interrupted_is_doubtful_until_it_was_pulled(runtime, tmp_path):
    boots = tmp_path / "proc/sys/kernel/random"
    boots.mkdir(parents=True)
    (boots / "boot_id").write_text("first")
    images = PulledImages(tmp_path, tmp_path)
    with pytest.raises(SystemExit), images.pulling(runtime, OLD) as was_cut_off:
        raise SystemExit  # the power is gone
    assert not was_cut_off
    runtime.stored.add(OLD)
    assert not images.is_doubtful(runtime, OLD), "within the same start of the box"
    (boots / "boot_id").write_text("second")
    images, synced = PulledImages(tmp_path, tmp_path), []
    assert images.is_doubtful(runtime, OLD)
    assert not images.is_doubtful(runtime, WEB)
    failing = images.pulling(runtime, OLD, lambda: synced.append("failed"))
    with pytest.raises(RuntimeFailure), failing as was_cut_off:
        raise RuntimeFailure(Failure.PULL, "away")
    assert images.is_doubtful(runtime, OLD)
    with images.pulling(runtime, OLD, lambda: synced.append("pulled")) as again:
        assert images.is_doubtful(runtime, OLD)
    assert (was_cut_off, again, synced) == (True, True, ["pulled"])
    assert not images.is_doubtful(runtime, OLD)


def test_what_was_there_before_an_interrupted_pull_is_not_doubtful(runtime, tmp_path):
    boots = tmp_path / "proc/sys/kernel/random"
    boots.mkdir(parents=True)
    (boots / "boot_id").write_text("first")
    with pytest.raises(SystemExit), PulledImages(tmp_path, tmp_path).pulling(runtime, IMAGE):
        raise SystemExit
    (boots / "boot_id").write_text("second")
    assert not PulledImages(tmp_path, tmp_path).is_doubtful(runtime, IMAGE)


def test_nothing_is_asked_of_the_runtime_between_looks(images, runtime):
    pull(images, runtime, OLD)
    images.clean(runtime, (), POLICY, START)
    runtime.calls.clear()
    images.clean(runtime, (), POLICY, START + 60)
    assert runtime.calls == []


def test_a_damaged_file_is_begun_anew_and_removes_nothing(images, runtime, tmp_path):
    pull(images, runtime, OLD)
    (tmp_path / FILE).write_bytes(b"nonsense")
    days(images, runtime, last=30)
    assert OLD in runtime.stored


def test_a_runtime_that_does_not_answer_is_no_trouble(images, runtime):
    pull(images, runtime, OLD)
    runtime.fails["images"] = RuntimeFailure(Failure.UNREACHABLE, "gone")
    days(images, runtime)
    runtime.fails.clear()
    runtime.fails["remove image"] = RuntimeFailure(Failure.OTHER, "in use")
    days(images, runtime, first=9, last=20)
    assert OLD in runtime.stored
