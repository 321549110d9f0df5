"""A real kubelet with static pods of ours: what only a kubelet does, offline and after a boot."""

import dataclasses
import json
import os
import shutil
import time

import pytest
from tests.executor.orders import IMAGE, NODE, container, instance
from tests.executor.surroundings import NAME, made, started, stopped

from lab.processes import wait_for
from skerry_executor.actual import Phase
from skerry_executor.cancel import Cancel
from skerry_executor.runtimes import kubelet as runtimes_kubelet
from skerry_executor.runtimes.base import Failure, LogWish, Program, RuntimeFailure
from skerry_executor.runtimes.cri import Cri
from skerry_executor.runtimes.pod_files import PodFiles
from skerry_wire.lifecycle import After, Lease
from skerry_wire.workload import Mount

RUNS = {"restart": "always", "stop_grace_s": 0.0}


@pytest.fixture
def box(kubelet):
    """The kubelet's surroundings; its folders are where `files` says."""
    from tests.executor.more_surroundings import RealKubelet  # noqa: PLC0415

    found = RealKubelet(kubelet)
    found.folder = found.lab.manifests.parent
    yield found
    found.clear()


def running(box, name=NAME):
    found = box.runtime.container(name)
    return found if found is not None and found.phase is Phase.RUNNING else None


def boot(box):
    """Do what a start of the box does: everything has ended, tmpfs is empty, the kubelet starts."""
    box.lab.stop()
    box.lab.containerd.stop_tasks()
    shutil.rmtree(box.folder / "passing", ignore_errors=True)
    box.lab.serve()


def test_what_runs_goes_on_without_the_kubelet_and_is_adopted_by_the_next(box):
    before = started(box.runtime, **RUNS)
    box.lab.stop()
    assert running(box).pid == before.pid
    box.lab.serve()
    time.sleep(1.5)
    after = running(box)
    assert (after.pid, after.restarts, after.started_at) == (before.pid, 0, before.started_at)


def test_after_a_boot_the_kubelet_starts_everything_again_without_us(box):
    before = started(box.runtime, **RUNS)
    boot(box)
    after = wait_for("the pod to run again", lambda: running(box))
    assert after.pid != before.pid
    assert (after.id, after.spec) == (before.id, before.spec)


def test_what_has_a_lease_is_not_started_by_a_boot(box):
    leased = container(**{**RUNS, "restart": "no"})
    of = dataclasses.replace(instance(containers=[leased]), lease=Lease(duration_s=60.0))
    made(box.runtime, of=of, wanted=leased)
    box.runtime.start(NAME)
    place = box.lab.manifests / "skerry-shop-web-0.json"
    assert place.is_symlink()
    assert os.path.realpath(place).startswith(str(box.folder / "passing"))
    boot(box)
    time.sleep(1.5)
    assert box.runtime.container(NAME).phase is not Phase.RUNNING
    box.runtime.start(NAME)
    assert running(box)


def test_a_pod_begins_in_its_order_and_ends_as_one(box, tmp_path):
    script = ("/bin/sh", "-c", "sleep 0.3; echo $(busybox date +%s%N) > /shared/first")
    shared = Mount(kind="bind", source=str(tmp_path), target="/shared")
    first = container("first", command=script, restart="no", mounts=(shared,))
    main = ("/bin/sh", "-c", "test -e /shared/first && echo after; exec sleep 1000")
    web = container(
        command=main,
        mounts=(shared,),
        after=(After(container="first", condition="completed"),),
        **RUNS,
    )
    both = instance(containers=(web, first))
    for one in both.containers:
        made(box.runtime, name=f"skerry-shop-web-0-{one.name}", of=both, wanted=one)
    assert {one.phase for one in box.runtime.containers(NODE)} == {Phase.CREATED}
    box.runtime.start(NAME)
    box.runtime.start("skerry-shop-web-0-first")
    wait_for("the second", lambda: running(box))
    begun = box.runtime.container("skerry-shop-web-0-first")
    assert (begun.phase, begun.exit_code) == (Phase.EXITED, 0)
    said = lambda: b"".join(w.data for w in box.runtime.logs(NAME, LogWish(), Cancel()))  # noqa: E731
    assert wait_for("its words", said) == b"after\n"
    box.runtime.remove(NAME)
    assert box.runtime.container("skerry-shop-web-0-first").phase is Phase.EXITED
    box.runtime.remove("skerry-shop-web-0-first")
    assert box.runtime.containers(NODE) == ()


def test_secrets_are_in_files_of_root_alone(box):
    started(box.runtime, environment={"PASSWORD": "correct horse $(PATH)"}, **RUNS)
    places = [
        box.lab.manifests / "skerry-shop-web-0.json",
        box.folder / "skerry/pods/skerry-shop-web-0.json",
    ]
    for place in places:
        assert place.stat().st_mode & 0o777 == 0o600
        assert "horse" in place.read_text()
    assert "horse" not in repr(
        PodFiles(box.lab.manifests, box.folder / "skerry", box.folder).records()
    )
    said = []
    program = Program(("/bin/sh", "-c", 'echo "$PASSWORD"'))
    box.runtime.execute(NAME, program, Cancel(), said.append)
    assert b"".join(one.data for one in said) == b"correct horse $(PATH)\n"


def test_a_pod_whose_record_is_lost_is_still_ours_and_can_be_ended(box):
    before = started(box.runtime, **RUNS)
    record = box.folder / "skerry/pods/skerry-shop-web-0.json"
    record.write_text("torn")
    (found,) = box.runtime.containers(NODE)
    assert (found.id, found.spec, found.phase) == (before.id, before.spec, Phase.RUNNING)
    # And when its manifest went, too, what runs of it is still told.
    box.lab.stop()
    (box.lab.manifests / "skerry-shop-web-0.json").unlink()
    (found,) = box.runtime.containers(NODE)
    assert (found.id, found.phase) == (before.id, Phase.RUNNING)
    box.runtime.stop(found.id, 0.0, Cancel())
    box.runtime.remove(found.id)
    assert box.runtime.containers(NODE) == ()
    record.unlink()
    box.lab.serve()


def test_a_kubelet_that_is_dead_keeps_nothing_from_ending(box):
    started(box.runtime, **RUNS)
    box.lab.stop()
    box.runtime.stop(NAME, 0.0, Cancel())
    ended = box.runtime.container(NAME)
    assert (ended.phase, ended.exit_code) == (Phase.EXITED, 137)
    box.lab.serve()
    time.sleep(1.0)
    assert box.runtime.container(NAME).phase is Phase.EXITED


def test_what_ends_again_and_again_is_started_by_the_kubelet(box):
    started(box.runtime, command=("/bin/sh", "-c", "exit 7"), restart="always", stop_grace_s=0.0)
    again = lambda: (f := box.runtime.container(NAME)).restarts > 0 and f  # noqa: E731
    assert wait_for("another start", again).exit_code in (7, None)


def test_limits_are_enforced_and_what_cannot_be_is_refused(box):
    started(box.runtime, cpu_limit_milli=250, memory_limit_bytes=64 * 2**20, **RUNS)
    spec = box.lab.containerd.run("containers", "info", box.runtime._container(NAME))
    resources = json.loads(spec)["Spec"]["linux"]["resources"]
    assert resources["memory"]["limit"] == 64 * 2**20
    assert resources["cpu"]["quota"] / resources["cpu"]["period"] == 0.25
    below = Mount(kind="bind", source="/sys/fs", target="/ro", read_only=True)
    with pytest.raises(RuntimeFailure) as failure:
        made(box.runtime, name="skerry-other-web", mounts=(below,), stop_signal="SIGINT")
    assert failure.value.kind is Failure.OTHER
    assert "stop_signal: a kubelet sends the one of the image" in failure.value.reason
    assert "/sys/fs read-only: /sys/fs/cgroup" in failure.value.reason


def test_a_manifest_is_never_seen_half_and_nothing_is_left_beside_it(box):
    started(box.runtime, **RUNS)
    assert [one.name for one in box.lab.manifests.iterdir()] == ["skerry-shop-web-0.json"]
    box.runtime.remove(NAME)
    assert list(box.lab.manifests.iterdir()) == []


def test_a_runtime_that_hangs_is_said_in_time(box):
    started(box.runtime, **RUNS)
    files = PodFiles(box.lab.manifests, box.folder / "skerry", box.folder / "passing")
    hasty = runtimes_kubelet.Kubelet(Cri(str(box.lab.socket), look_s=0.5), files, None)
    with stopped(box.lab.containerd.pid):
        for act in (lambda: hasty.containers(NODE), lambda: hasty.has_image(IMAGE), hasty.images):
            with pytest.raises(RuntimeFailure) as failure:
                act()
            assert failure.value.kind is Failure.TIMED_OUT
    assert running(box)


def test_a_folder_that_is_not_there_is_said(tmp_path):
    with pytest.raises(RuntimeFailure) as failure:
        runtimes_kubelet.connect("/nothing", tmp_path / "none", tmp_path, tmp_path)
    assert failure.value.kind is Failure.ABSENT
    assert "name the kubelet's folder of static pods with --pod-manifests" in failure.value.reason
