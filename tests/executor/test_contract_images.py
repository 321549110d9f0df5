"""What the executor relies on in a runtime about images: the fake, podman and docker all do it."""

import threading
import time

import pytest
from tests.executor.orders import IMAGE
from tests.executor.surroundings import NAME, RIGHT, made, started

from lab.processes import free_port
from skerry_executor.cancel import Cancel, Cancelled
from skerry_executor.runtimes.base import Credentials, Failure, RuntimeFailure


def pulled(runtime, image, credentials=None):
    runtime.pull(image, credentials, Cancel(), lambda _done, _total: None)


def test_an_image_that_is_not_there_cannot_be_used(any_runtime):
    missing = "localhost/no-such:1"
    assert any_runtime.runtime.has_image(IMAGE)
    assert not any_runtime.runtime.has_image(missing)
    with pytest.raises(RuntimeFailure) as failure:
        made(any_runtime.runtime, image=missing)
    assert failure.value.kind is Failure.NOT_FOUND
    assert missing in failure.value.reason


def test_an_image_is_pulled(any_runtime, request):
    image = any_runtime.remote_image(request)
    assert not any_runtime.runtime.has_image(image)
    any_runtime.runtime.pull(image, None, Cancel(), lambda _done, _total: None)
    assert any_runtime.runtime.has_image(image)
    made(any_runtime.runtime, image=image)


def test_an_image_that_the_registry_does_not_have_is_said(any_runtime, request):
    image = any_runtime.absent_image(request)
    with pytest.raises(RuntimeFailure) as failure:
        any_runtime.runtime.pull(image, None, Cancel(), lambda _done, _total: None)
    assert failure.value.kind is Failure.PULL
    assert f"image {image} is not in its registry" in failure.value.reason


def test_a_pull_that_waits_is_given_up_when_something_newer_comes(any_runtime, request):
    image = any_runtime.silent_image(request)
    cancel, ended = Cancel(), []

    def work():
        with pytest.raises(Cancelled):
            any_runtime.runtime.pull(image, None, cancel, lambda _done, _total: None)
        ended.append(True)

    thread = threading.Thread(target=work)
    thread.start()
    time.sleep(0.5)
    assert thread.is_alive()
    cancel.ask()
    thread.join(10)
    assert ended == [True]


def test_a_registry_that_is_away_is_said(real):
    image = f"127.0.0.1:{free_port()}/tiny/web:1"
    with pytest.raises(RuntimeFailure) as failure:
        real.runtime.pull(image, None, Cancel(), lambda _done, _total: None)
    assert failure.value.kind is Failure.PULL
    assert f"cannot be reached for image {image}" in failure.value.reason


def test_an_image_is_pulled_by_its_digest_and_no_other(real, request):
    image = real.remote_image(request)
    pulled(real.runtime, image)
    (stored,) = (one for one in real.runtime.images() if image in one.names)
    digest = next(name for name in stored.names if "@sha256:" in name)
    real.runtime.remove_image(image)
    assert not real.runtime.has_image(digest)
    pulled(real.runtime, digest)
    assert real.runtime.has_image(digest)
    made(real.runtime, image=digest)
    wrong = f"{digest.partition('@')[0]}@sha256:{'0' * 64}"
    with pytest.raises(RuntimeFailure) as failure:
        pulled(real.runtime, wrong)
    assert failure.value.kind is Failure.PULL
    assert f"image {wrong} is not in its registry" in failure.value.reason


def test_a_private_registry_wants_the_right_password(any_runtime, request):
    image = any_runtime.private_image(request)
    for wrong in (None, Credentials(RIGHT.user, "stable secret")):
        with pytest.raises(RuntimeFailure) as failure:
            pulled(any_runtime.runtime, image, wrong)
        assert failure.value.kind is Failure.PULL
        whom = "without credentials" if wrong is None else f"to user {RIGHT.user}"
        assert f"denies image {image} {whom}" in failure.value.reason
        assert "stable" not in failure.value.reason
    pulled(any_runtime.runtime, image, RIGHT)
    assert any_runtime.runtime.has_image(image)
    any_runtime.runtime.remove_image(image)
    assert "horse" not in repr(RIGHT)


def test_images_are_listed_in_full(any_runtime):
    found = {name: one for one in any_runtime.runtime.images() for name in one.names}
    assert found[IMAGE].size_bytes > 0
    assert len(found[IMAGE].id) == 64


def test_an_image_is_removed_unless_a_container_has_it(any_runtime, request):
    runtime = any_runtime.runtime
    image = any_runtime.remote_image(request)
    pulled(runtime, image)
    (stored,) = (one for one in runtime.images() if image in one.names)
    started(runtime, image=image)
    for reference in (image, stored.id):
        with pytest.raises(RuntimeFailure) as failure:
            runtime.remove_image(reference)
        assert f"image {reference} is in use by container {NAME}" in failure.value.reason
    runtime.stop(NAME, 0.0, Cancel())
    with pytest.raises(RuntimeFailure):
        runtime.remove_image(stored.id)
    assert runtime.has_image(image)
    assert runtime.container(NAME) is not None
    runtime.remove(NAME)
    for _ in range(2):
        runtime.remove_image(stored.id)
    assert not runtime.has_image(image)


@pytest.mark.lacking(containerd="it keeps none", kubelet="its CRI keeps none")
def test_what_a_pull_left_over_has_no_name_or_its_digest_alone(real, request):
    image = real.remote_image(request)
    pulled(real.runtime, image)
    (stored,) = (one for one in real.runtime.images() if image in one.names)
    real.lab.run("tag", IMAGE, image)
    (old,) = (one for one in real.runtime.images() if one.id == stored.id)
    assert all("@" in name for name in old.names)
    real.runtime.remove_image(old.id)
    assert stored.id not in [one.id for one in real.runtime.images()]
    real.lab.run("rmi", image)
