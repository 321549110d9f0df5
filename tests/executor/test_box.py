"""What the box has against a container at the moment when it is made."""

from tests.executor.orders import container

from skerry_executor.box import objection
from skerry_executor.runtimes.base import Failure
from skerry_wire.box_policy import BoxPolicy
from skerry_wire.images import parse_pattern
from skerry_wire.workload import DeviceMapping, Mount


def policy(tmp_path):
    return BoxPolicy(
        images=(parse_pattern("localhost"),), bind=(str(tmp_path),), devices=("/dev/*",)
    )


def bound(path):
    return container(mounts=(Mount(kind="bind", source=str(path), target="/x"),))


def given(device):
    return container(devices=(DeviceMapping(host=device, container="/dev/x"),))


def test_what_is_there_and_allowed_is_fine(tmp_path):
    assert objection(bound(tmp_path), policy(tmp_path)) is None
    assert objection(given("/dev/null"), policy(tmp_path)) is None


def test_a_folder_that_is_missing_is_said(tmp_path):
    found = objection(bound(tmp_path / "none"), policy(tmp_path))
    assert found.reason == f"{tmp_path}/none, which is to be mounted, is not on this box"


def test_a_folder_that_has_become_a_link_out_is_said(tmp_path):
    (tmp_path / "folder").mkdir()
    assert objection(bound(tmp_path / "folder"), policy(tmp_path)) is None
    (tmp_path / "folder").rmdir()
    (tmp_path / "folder").symlink_to("/etc")
    found = objection(bound(tmp_path / "folder"), policy(tmp_path))
    assert "(which is /etc) is not within an allowed folder" in found.reason


def test_a_device_that_is_missing_or_none_is_said(tmp_path):
    found = objection(given("/dev/no-such"), policy(tmp_path))
    assert (found.kind, found.reason) == (
        Failure.NO_DEVICE,
        "there is no device /dev/no-such on this box",
    )
    # A runtime takes a folder for every device below it.
    assert objection(given("/dev/fd"), policy(tmp_path)).reason == "/dev/fd is not a device"
