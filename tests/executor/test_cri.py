"""What is read out of a CRI's answers, whatever its version."""

import pathlib

import pytest

from skerry_executor.runtimes.cri import Cri


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
