"""A container whose layers a power cut damaged: made anew, of a new image where that is damaged."""

import dataclasses
import json
import pathlib
import re
import shutil

import pytest
from tests.executor.orders import IMAGE, container, instance, order

from skerry_executor.actual import Phase
from skerry_executor.cancel import Cancel
from skerry_executor.converge import Convergence
from skerry_executor.leftovers import LEAST_AGE_S, ours, removable
from skerry_executor.mends import MOST, Mends

NAME = "skerry-shop-web-0-web"
LASTING = {"stop_grace_s": 0.0, "network": "host"}


class Heard:
    """What was told meanwhile, each state once."""

    def __init__(self):
        self.states = []

    def progress(self, outcome):
        (one,) = outcome.instances
        if not self.states or self.states[-1] != one.state:
            self.states.append(one.state)

    def watch(self, watched):
        pass


def converge(real, wanted, heard=None, mends=None):
    told = heard or Heard()
    work = Convergence(
        order(wanted), "d" * 64, real.runtime, Cancel(), told, lambda _: None, mends=mends
    )
    return work.run()


def layers(real):
    """Return the folders of the container's own layer, and of the lowest of its image."""
    if real.runtime.name == "containerd":
        record, _ = real.runtime._find(NAME)
        (mount,) = real.runtime._api.mounts(record.snapshotter, record.snapshot)
        upper = re.search(rb'upperdir=([^"]+)', mount)[1].decode()
        lower = re.search(rb'lowerdir=([^"]+)', mount)[1].decode()
    else:
        data = json.loads(real.lab.run("inspect", NAME))[0]["GraphDriver"]["Data"]
        upper, lower = data["UpperDir"], data["LowerDir"]
    return pathlib.Path(upper).parent, pathlib.Path(lower.split(":")[-1]).parent


def stopped(real, wanted):
    """Run an instance once, and end it as a power cut does."""
    assert converge(real, wanted).reached
    (found,) = real.runtime.containers("box-1")
    real.runtime.stop(found.id, 0.0, Cancel())
    return found.id


@pytest.mark.lacking(kubelet="it makes containers anew by itself")
def test_one_whose_own_layer_is_damaged_is_made_anew_and_that_is_told(real, tmp_path):
    wanted = instance(containers=[container("web", **LASTING)])
    before = stopped(real, wanted)
    own, _ = layers(real)
    shutil.rmtree(own / "work")
    heard, mends = Heard(), Mends(tmp_path)
    outcome = converge(real, wanted, heard, mends)
    assert outcome.reached
    assert "failed" in heard.states, "else the hub hears of it by nothing"
    (after,) = real.runtime.containers("box-1")
    assert (after.phase, after.id == before) == (Phase.RUNNING, False)


@pytest.mark.lacking(kubelet="it makes containers anew by itself", docker="its lab has no registry")
def test_one_whose_image_is_damaged_has_it_pulled_again(real, request):
    image = real.remote_image(request, "one with a layer of its own\n")
    wanted = instance(containers=[container("web", image=image, **LASTING)])
    stopped(real, wanted)
    _, lowest = layers(real)
    shutil.rmtree(lowest)
    assert converge(real, wanted).reached
    (after,) = real.runtime.containers("box-1")
    assert after.phase is Phase.RUNNING


def test_a_name_that_podman_s_storage_alone_has_is_taken_from_it(podman_box):
    """A power cut between podman's two stores leaves it: seen in a box of user-mode linux."""
    wanted = instance(containers=[container("web", image=IMAGE, **LASTING)])
    database = podman_box.lab.database
    before = database.read_bytes()
    podman_box.lab.run("create", "--name", NAME, IMAGE, "true")
    database.write_bytes(before)
    assert podman_box.runtime.container(NAME) is None
    assert converge(podman_box, wanted).reached
    (found,) = podman_box.runtime.containers("box-1")
    assert (found.name, found.phase) == (NAME, Phase.RUNNING)


def names_left(podman_box):
    return [one.name for one in podman_box.runtime.leftovers()]


def test_a_name_that_nothing_wants_goes_from_podman_s_storage_and_no_other_s(podman_box):
    wanted = instance("till-web-0", containers=[container("web", image=IMAGE, **LASTING)])
    assert converge(podman_box, wanted).reached
    database = podman_box.lab.database
    before = database.read_bytes()
    for name in (NAME, "another", "skerry-till-web-0-web-2"):
        podman_box.lab.run("create", "--name", name, IMAGE, "true")
    database.write_bytes(before)
    left = podman_box.runtime.leftovers()
    assert sorted(one.name for one in left) == ["another", NAME, "skerry-till-web-0-web-2"]
    assert all(0 <= one.age_s < LEAST_AGE_S for one in left)
    old = [dataclasses.replace(one, age_s=one.age_s + LEAST_AGE_S) for one in left]
    for one in removable(ours(old, [wanted])):
        podman_box.runtime.remove(one.id)
    assert names_left(podman_box) == ["another"]
    (found,) = podman_box.runtime.containers("box-1")
    assert found.phase is Phase.RUNNING
    for one in left:
        podman_box.runtime.remove(one.id)
    assert names_left(podman_box) == []


def test_one_whose_layer_podman_s_storage_has_lost_is_made_anew(podman_box):
    """A power cut while it was made: seen in a box of user-mode linux."""
    wanted = instance(containers=[container("web", image=IMAGE, **LASTING)])
    before = stopped(podman_box, wanted)
    own, _ = layers(podman_box)
    known = own.parent.parent / "overlay-layers" / "layers.json"
    left = [one for one in json.loads(known.read_text()) if one["id"] != own.name]
    known.write_text(json.dumps(left))
    (found,) = podman_box.runtime.containers("box-1")
    assert found.phase is Phase.DAMAGED
    assert converge(podman_box, wanted).reached
    (after,) = podman_box.runtime.containers("box-1")
    assert (after.phase, after.id == before) == (Phase.RUNNING, False)


def test_one_that_is_damaged_again_and_again_is_given_up(tmp_path):
    names = [Mends(tmp_path).count(NAME, "spec") for _ in range(MOST + 1)]
    assert names == [True] * MOST + [False], "also by later processes"
    assert Mends(tmp_path).count(NAME, "another content")
    (tmp_path / "mends.state").write_bytes(b"nonsense")
    assert Mends(tmp_path).count(NAME, "spec")


def test_an_image_of_the_box_itself_cannot_be_had_again_and_that_is_said(podman_box):
    wanted = instance(containers=[container("web", image=IMAGE, **LASTING)])
    stopped(podman_box, wanted)
    own, _ = layers(podman_box)
    shutil.rmtree(own / "work")
    mends = Mends(None)
    for _ in range(MOST):
        assert mends.count(NAME, podman_box.runtime.container(NAME).spec)
    outcome = converge(podman_box, wanted, mends=mends)
    (status,) = outcome.instances
    assert not outcome.reached
    assert "made anew as often as it may be" in status.reason
    assert "the runtime's store is damaged" in status.reason
