"""Orders with images of a private registry, on a real podman: pulled, kept, pinned, removed."""

import json
import urllib.request

import pytest
from nacl.public import PublicKey, SealedBox
from tests.executor.orders import instance, order
from tests.executor.surroundings import RIGHT, Real

from skerry_executor.cancel import Cancel
from skerry_executor.contents import Contents
from skerry_executor.converge import Convergence
from skerry_executor.pulled_images import FILE, PulledImages
from skerry_executor.sealing import load_or_make
from skerry_wire.box_policy import BoxPolicy
from skerry_wire.lifecycle import Sealed
from skerry_wire.messages import InstanceState

PASSWORD = f"{RIGHT.user}:{RIGHT.password}".encode()


class Quiet:
    def progress(self, outcome):
        pass

    def watch(self, watched):
        pass


@pytest.fixture
def box(podman):
    real = Real(podman)
    yield real
    real.clear()


@pytest.fixture
def converge(box, tmp_path):
    def run(*instances):
        work = Convergence(
            order(*instances),
            "d" * 64,
            box.runtime,
            Cancel(),
            Quiet(),
            lambda _: None,
            contents=Contents(tmp_path),
            pulled=PulledImages(tmp_path),
        )
        return work.run()

    return run


@pytest.fixture
def seal(tmp_path):
    key = load_or_make(tmp_path).public

    def sealed(content=PASSWORD):
        return Sealed(name="reg", version="1a", box=SealedBox(PublicKey(key)).encrypt(content))

    return sealed


def digest_of(registry, image):
    path = image.partition("/")[2].partition(":")[0]
    kinds = "application/vnd.docker.distribution.manifest.v2+json, "
    kinds += "application/vnd.oci.image.manifest.v1+json"
    asked = urllib.request.Request(
        f"http://{registry.address}/v2/{path}/manifests/1", headers={"Accept": kinds}
    )
    with urllib.request.urlopen(asked, timeout=10) as answer:
        return f"{image.rpartition(':')[0]}@{answer.headers['Docker-Content-Digest']}"


def test_what_becomes_of_an_image_of_a_private_registry(
    box, converge, seal, request, tmp_path, capfd
):
    image = box.private_image(request)

    # Without credentials, or with wrong ones, it is said that the registry refuses.
    for credentials in (None, seal(b"ci:wrong-pa55")):
        outcome = converge(instance(image=image, credentials=credentials))
        assert not outcome.reached
        assert outcome.instances[0].state is InstanceState.FAILED
        assert "wrong-pa55" not in outcome.instances[0].reason
    assert converge(instance(image=image, credentials=seal())).reached
    shown = json.dumps(json.loads(box.lab.run("inspect", "skerry-shop-web-0-web")))
    assert RIGHT.password not in shown
    (before,) = box.runtime.containers("box-1")

    # Other credentials restart nothing; a registry that is away keeps nothing from starting.
    assert converge(instance(image=image, credentials=seal(b"ci:new"))).reached
    assert box.runtime.containers("box-1")[0].id == before.id
    private = request.getfixturevalue("private_registry")
    private.stop()
    try:
        for pull in ("missing", "always"):
            box.clear()
            wanted = instance(image=image, credentials=seal(), pull=pull)
            assert converge(wanted).reached
    finally:
        private.start()
    assert RIGHT.password not in "".join(capfd.readouterr())

    # Nobody needs it any more, so it goes; what is pinned by its digest comes, and stays.
    pinned = digest_of(request.getfixturevalue("registry"), image)
    wanted = instance(revision="2", image=pinned, credentials=seal())
    box.clear()
    box.lab.run("rmi", image)
    assert converge(wanted).reached
    assert (tmp_path / FILE).exists()
    full = BoxPolicy(image_free_percent=100)
    images = PulledImages(tmp_path)
    images.clean(box.runtime, wanted and [wanted], full, 1e9)
    assert box.runtime.has_image(pinned)
    images.clean(box.runtime, [], full, 1e9 + 1)
    assert box.runtime.has_image(pinned), "a container has it"
    box.clear()
    images.clean(box.runtime, [], full, 1e9 + 2)
    assert not box.runtime.has_image(pinned)
    assert box.runtime.has_image("localhost/skerry-demo-web:1")
