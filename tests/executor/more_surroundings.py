"""What the contract's tests need beside containerd and a kubelet: real ones, without podman."""

from tests.executor.orders import NODE
from tests.executor.surroundings import REMOTE, Real

from lab.podman import PAGE
from lab.processes import wait_for
from skerry_executor.runtimes import containerd, kubelet


class RealContainerd(Real):
    """containerd alone; `lab` is its daemon."""

    def __init__(self, lab):
        self.lab = self.images = lab
        folder = lab.socket.parent
        self.runtime = containerd.connect(str(lab.socket), folder / "skerry", folder / "passing")

    def clear(self):
        for node in (NODE, "box-2"):
            for one in self.runtime.containers(node):
                self.runtime.remove(one.id)
        self.runtime.remove("no-label")

    def remote_image(self, request, text=PAGE):
        image = f"{request.getfixturevalue('registry').address}/{REMOTE}"
        self.images.bring(image, {"Labels": {"remote": "yes"}}, text)
        self.images.run("images", "push", "--plain-http", image)
        self.images.run("images", "rm", "--sync", image)
        # The CRI hears of it a little later.
        wait_for("the image to go", lambda: not self.runtime.has_image(image))
        return image


class RealKubelet(RealContainerd):
    """A kubelet, on a containerd of its own; `lab` is the kubelet."""

    def __init__(self, lab):
        self.lab, self.images = lab, lab.containerd
        folder = lab.manifests.parent
        args = str(lab.socket), lab.manifests, folder / "skerry", folder / "passing"
        self.runtime = kubelet.connect(*args)
