"""A box that is to have no Skerry any more: what runs is ended, also once the programs are gone."""

import contextlib
import dataclasses
import os
import pathlib
import subprocess
import sys
import zipfile

import pytest
from tests.executor.orders import IMAGE, NODE, container, instance
from tests.executor.surroundings import made
from tests.executor.test_leasing import grant
from tests.executor.test_main import ACCEPTED, words

from skerry_executor import purge, state
from skerry_executor.actual import Phase
from skerry_executor.boot_clock import since_boot_s
from skerry_executor.leasing import Leasing
from skerry_executor.main import main
from skerry_executor.pulled_images import NOWHERE, PulledImages
from skerry_executor.runtimes.base import Failure, RuntimeFailure
from skerry_executor.runtimes.none import NoRuntime
from skerry_executor.settings import Settings


def running(runtime, name, node=NODE, **changes):
    """Create and start a container `name` of an instance `name`-0."""
    network = {"network": "host"} if runtime.name == "containerd" else {}
    wanted = container(stop_grace_s=0.0, restart="always", **network, **changes)
    of = instance(f"{name}-0", containers=[wanted])
    reference = f"skerry-{name}-0-web"
    made(runtime, reference, node, of=of, wanted=wanted)
    runtime.start(reference)
    return reference


def test_what_skerry_made_under_any_id_is_ended_and_removed(any_runtime):
    runtime = any_runtime.runtime
    names = {running(runtime, "a"), running(runtime, "b", "box-2")}
    made(runtime, "skerry-c-0-web", of=instance("c-0"))
    assert set(purge.end_all(runtime, NOWHERE)) == {*names, "skerry-c-0-web"}
    assert runtime.containers("") == ()
    assert runtime.has_image(IMAGE), "nobody pulled it for an order"


@pytest.mark.lacking(containerd="one has no name", kubelet="one is no pod")
def test_what_is_anybody_elses_is_left_alone(real):
    lab = real.lab
    lab.run("create", "--name", "somebody", IMAGE, "/bin/sleep", "100")
    running(real.runtime, "a")
    purge.end_all(real.runtime, NOWHERE)
    assert lab.run("ps", "--all", "--format", "{{.Names}}").split() == ["somebody"]


@pytest.mark.lacking(
    containerd="its CRI hears late what the lab took away, and takes it for somebody else's",
    kubelet="as containerd",
)
def test_images_that_were_pulled_for_orders_go_too(any_runtime, request, tmp_path):
    runtime, image = any_runtime.runtime, any_runtime.remote_image(request)
    pulled = PulledImages(tmp_path)
    with pulled.pulling(runtime, image, lambda: None):
        runtime.pull(image, None, purge.Cancel(), lambda _done, _total: None)
    purge.end_all(runtime, pulled)
    assert not runtime.has_image(image)
    assert runtime.has_image(IMAGE)


@pytest.mark.lacking(containerd="no container has another's network", kubelet="a pod is one")
def test_who_has_the_network_of_another_goes_first(real):
    both = [container("one", restart="no"), container("two", restart="no")]
    pair = dataclasses.replace(instance("a-0", containers=both), shared_network=True)
    for name, wanted in zip(("skerry-a-0-one", "skerry-a-0-two"), both, strict=True):
        made(real.runtime, name, of=pair, wanted=wanted)
        real.runtime.start(name)
    assert set(purge.end_all(real.runtime, NOWHERE)) == {"skerry-a-0-one", "skerry-a-0-two"}
    assert real.runtime.containers("") == ()


def test_what_cannot_be_removed_is_said(any_runtime):
    runtime = any_runtime.runtime
    if runtime.name != "fake":
        pytest.skip("a real runtime does not fail when told to")
    running(runtime, "a")
    runtime.fails["remove"] = RuntimeFailure(Failure.OTHER, "the disk is gone")
    with pytest.raises(purge.PurgeError, match="the disk is gone"):
        purge.end_all(runtime, NOWHERE)


def settings_of(real, tmp_path):
    """Return the settings, and as options, of an executor with this runtime."""
    kind = real.runtime.name
    options = {"--state": str(tmp_path / "state"), "--run": str(tmp_path / "run")}
    options |= {"--runtime": kind, "--runtime-socket": str(real.lab.socket)}
    if kind == "kubelet":
        options["--pod-manifests"] = str(real.lab.manifests)
    return options


@pytest.fixture
def box(real, tmp_path):
    if real.runtime.name in ("containerd", "kubelet"):
        pytest.skip("what these keep of a container is in the state folder of the fixture")
    return settings_of(real, tmp_path)


def test_a_purge_needs_nothing_but_python_once_the_programs_are_gone(real, box, capsys):
    running(real.runtime, "a")
    state.save(pathlib.Path(box["--state"]), ACCEPTED)
    assert main([*words("purge", box), "--later"]) == 0
    assert "1 containers stay as they are; a purge ends" in capsys.readouterr().out
    assert [one.phase for one in real.runtime.containers(NODE)] == [Phase.RUNNING]
    file = pathlib.Path(box["--state"]) / purge.FILE
    assert file.stat().st_mode & 0o777 == 0o600
    # Without site-packages: neither ours nor what we need is installed any more.
    done = subprocess.run(
        [sys.executable, "-I", "-S", file], capture_output=True, text=True, timeout=60
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == "ended and removed: skerry-a-0-web\n"
    assert real.runtime.containers("") == ()
    assert state.load(pathlib.Path(box["--state"])) is None


@pytest.mark.parametrize("accepted", [True, False])
def test_nothing_is_kept_for_a_purge_where_nothing_runs(real, box, accepted):
    if accepted:
        state.save(pathlib.Path(box["--state"]), ACCEPTED)
    file = pathlib.Path(box["--state"]) / purge.FILE
    file.parent.mkdir(mode=0o700, exist_ok=True)
    file.write_text("of an earlier removal")
    assert main([*words("purge", box), "--later"]) == 0
    assert not file.exists()


def test_what_has_a_lease_is_stopped_at_the_removal_for_nobody_renews_it(real, box, capsys):
    running(real.runtime, "a")
    running(real.runtime, "b")
    state.save(pathlib.Path(box["--state"]), ACCEPTED)
    with contextlib.closing(Leasing(pathlib.Path(box["--run"]), NoRuntime("none"))) as held:
        held.renew(grant(60.0, "a-0"), since_boot_s(), [])
    assert main([*words("purge", box), "--later"]) == 0
    assert "nobody renews their leases any more: a-0\n" in capsys.readouterr().out
    phases = {one.instance: one.phase for one in real.runtime.containers(NODE)}
    assert phases == {"a-0": Phase.EXITED, "b-0": Phase.RUNNING}


def test_a_purge_asks_first(real, box, capsys):
    running(real.runtime, "a")
    assert main(words("purge", box)) == 1
    assert "Add --yes to do it" in capsys.readouterr().err
    assert len(real.runtime.containers("")) == 1


@pytest.fixture
def dead_box(tmp_path):
    """Return the options of a box whose runtime does not answer."""
    return {
        "--state": str(tmp_path / "state"),
        "--run": str(tmp_path / "run"),
        "--runtime": "podman",
        "--runtime-socket": str(tmp_path / "none"),
    }


def with_programs(modules, tmp_path, *names):
    folder = tmp_path / "bin"
    folder.mkdir()
    for name in names:
        (folder / name).touch(0o755)
    return {**os.environ, "PATH": str(folder), "PYTHONPATH": modules}


PATHS = os.pathsep.join(sys.path)


@pytest.mark.parametrize("programs", [("podman",), ()])
def test_a_runtime_that_is_installed_and_does_not_answer_keeps_the_purge(
    dead_box, tmp_path, programs
):
    environment = with_programs(PATHS, tmp_path, *programs)
    state.save(tmp_path / "state", ACCEPTED)
    command = [sys.executable, "-m", "skerry_executor.main"]
    ran = {"capture_output": True, "text": True, "env": environment}
    later = subprocess.run([*command, *words("purge", dead_box), "--later"], **ran)
    assert later.returncode == 0
    file = tmp_path / "state" / purge.FILE
    assert file.exists() is bool(programs), "what runs there is not known"
    done = subprocess.run([*command, *words("purge", dead_box), "--yes"], **ran)
    if programs:
        assert done.returncode == 1
        assert "not everything could be ended: " in done.stderr
        assert dead_box["--runtime-socket"] in done.stderr
        with zipfile.ZipFile(file) as kept:
            assert dead_box["--runtime-socket"] in kept.read("__main__.py").decode()
    else:
        assert (done.returncode, done.stderr) == (0, "")


def test_where_nothing_is_installed_nothing_can_run():
    assert not purge.is_installed("auto", lambda _name: None)
    assert purge.is_installed("auto", {"k3s": "/usr/bin/k3s"}.get)
    assert not purge.is_installed("docker", {"k3s": "/usr/bin/k3s"}.get)


def test_the_kept_file_has_the_settings_of_the_box(tmp_path):
    settings = Settings(state=tmp_path, pod_manifests=pathlib.Path("/etc/pods"))
    with zipfile.ZipFile(purge.keep_programs(settings, "kubelet")) as kept:
        text = kept.read("__main__.py").decode()
        names = kept.namelist()
    assert "'--pod-manifests', '/etc/pods'" in text
    assert "'--runtime', 'kubelet'" in text
    assert {"msgpack/fallback.py", "skerry_wire/codec.py"} <= set(names)
