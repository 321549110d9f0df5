"""What is read out of a CRI's answers, whatever its version."""

import pathlib

import pytest

from skerry_executor.cancel import Cancel
from skerry_executor.runtimes.base import Failure, RuntimeFailure
from skerry_executor.runtimes.cri import Cri, State, Status


class Keeping(Cri):
    """Tells where it keeps images; it is asked for nothing else, its settings least of all."""

    def __init__(self, folder):
        super().__init__("/nothing")
        self.folder = folder

    def storage(self):
        return pathlib.Path(self.folder)


@pytest.mark.parametrize(
    ("folder", "name"),
    [
        ("/var/lib/containerd/io.containerd.snapshotter.v1.overlayfs", "overlayfs"),
        ("/var/lib/rancher/k3s/agent/containerd/io.containerd.snapshotter.v1.native", "native"),
        ("/var/lib/containers/storage/overlay-images", "overlayfs"),
    ],
)
def test_the_snapshotter_is_known_by_its_folder(folder, name):
    assert Keeping(folder).snapshotter() == name


class Stopping(Cri):
    """Fails to stop a container; `state` is how that is then, None: it is gone."""

    def __init__(self, kind, state):
        super().__init__("/nothing")
        self.kind, self.state, self.looks = kind, state, 0

    def _ask(self, method, message, doing, timeout_s=None, cancel=None):
        raise RuntimeFailure(self.kind, f"{doing}: ttrpc: closed")

    def status(self, container):
        self.looks += 1
        if self.state is None:
            return None
        return Status(
            state=self.state, started_at=None, exit_code=0, reason="", message="", log_path="",
            pid=None,
        )  # fmt: skip


@pytest.mark.parametrize("state", [State.EXITED, None])
def test_what_ends_by_itself_while_it_is_stopped_is_stopped(state):
    found = Stopping(Failure.OTHER, state)
    found.stop("c", 0.0, Cancel())
    assert found.looks == 1


@pytest.mark.parametrize(
    ("kind", "looks"), [(Failure.OTHER, 1), (Failure.TIMED_OUT, 0), (Failure.UNREACHABLE, 0)]
)
def test_what_runs_on_was_not_stopped_and_who_does_not_answer_is_not_asked_again(kind, looks):
    found = Stopping(kind, State.RUNNING)
    with pytest.raises(RuntimeFailure, match="stopping container c: ttrpc: closed"):
        found.stop("c", 0.0, Cancel())
    assert found.looks == looks
