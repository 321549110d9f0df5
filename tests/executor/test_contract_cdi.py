"""Devices by their names in CDI, on real runtimes: with a specification of a harmless device."""

import json
import os
import pathlib

import pytest
from tests.executor.surroundings import NAME, made, started

from skerry_executor.runtimes.base import Failure, RuntimeFailure
from skerry_wire.runtime_limits import DOCKER_WITH_CDI
from skerry_wire.workload import DeviceMapping

FOLDER = pathlib.Path("/run/cdi")
pytestmark = pytest.mark.lacking(containerd="knows no CDI", kubelet="knows no CDI")
KIND = f"skerry-{os.getpid()}.example/hole"


@pytest.fixture
def hole():
    """Return the CDI name of a device that is /dev/null by another name, with a variable."""
    there = FOLDER.exists()
    FOLDER.mkdir(exist_ok=True)
    spec = FOLDER / f"{KIND.replace('/', '-')}.json"
    node = {"path": "/dev/hole", "hostPath": "/dev/null"}
    edits = {"deviceNodes": [node], "env": ["HOLE=here"]}
    devices = [{"name": "0:1", "containerEdits": edits}]
    # Of that version `hostPath` is, and newer runtimes leave out what says an older one.
    spec.write_text(json.dumps({"cdiVersion": "0.5.0", "kind": KIND, "devices": devices}))
    yield f"{KIND}=0:1"
    spec.unlink()
    if not there:
        FOLDER.rmdir()


def knows_cdi(real):
    return real.runtime.name == "podman" or real.runtime._api.version >= DOCKER_WITH_CDI


def test_a_device_of_cdi_comes_with_all_that_its_specification_says(real, hole):
    text = 'echo into > /dev/hole && echo "$HOLE"; test -c /dev/beside && echo beside'
    changes = {
        "entrypoint": ("/bin/busybox", "sh", "-c"),
        "command": (f"{text}; exec sleep 1000",),
        "cdi_devices": (hole,),
        "devices": (DeviceMapping(host="/dev/zero", container="/dev/beside"),),
    }
    if not knows_cdi(real):
        with pytest.raises(RuntimeFailure) as failure:
            made(real.runtime, **changes)
        assert failure.value.kind is Failure.NO_DEVICE
        assert f"knows no CDI, hence not {hole}: install docker 25" in failure.value.reason
        return
    started(real.runtime, **changes)
    assert real.said(NAME) == ["here", "beside"]


def test_a_device_that_no_specification_has_is_said(real, hole):
    other = hole.replace("=0:1", "=7")
    if not knows_cdi(real):
        other = "nvidia.com/gpu=7"  # which an older docker is asked for in another way
    with pytest.raises(RuntimeFailure) as failure:
        started(real.runtime, cdi_devices=(other,))
    assert failure.value.kind is Failure.NO_DEVICE
    words = "no CDI specification that the runtime reads has such a device"
    if not knows_cdi(real):
        words = "the runtime has no driver for such a device on this box"
    assert failure.value.reason.startswith(f"{words}: starting {NAME}")
