"""Device mappings."""

import pytest
from tests.hub.workloads.samples import container, refusals


@pytest.mark.parametrize(
    ("written", "device"),
    [
        ("/dev/a", ("/dev/a", "/dev/a", "rwm")),
        ("/dev/a:/dev/b", ("/dev/a", "/dev/b", "rwm")),
        ("/dev/a:/dev/b:mr", ("/dev/a", "/dev/b", "rm")),
        ("{source: /dev/a}", ("/dev/a", "/dev/a", "rwm")),
        ("{source: /dev/a, target: /dev/b, permissions: w}", ("/dev/a", "/dev/b", "w")),
    ],
)
def test_a_device(written, device):
    (found,) = container(f"devices:\n  - {written}").devices
    assert (found.host, found.container, found.permissions) == device


@pytest.mark.parametrize(
    ("written", "field", "reason"),
    [
        ("dev/a", "", "is not an absolute path"),
        ("vendor.example/gpu=a b", "", "is not a CDI name"),
        ("/dev/a:rw", "", "container's path before the permissions"),
        ("/dev/a:/dev/b:rwx", "", "must be some of rwm"),
        ("/dev/a:/dev/b:rr", "", "must be some of rwm"),
        ("'/dev/a:/dev/b:'", "", "must be some of rwm"),
        ("/dev/a:/dev/b:r:w", "", "is not host:container:permissions"),
        ("/dev/../etc:/dev/b", "", "without . or .. or //"),
        ("{target: /dev/a}", ".source", "is missing"),
        ("{source: /dev/a, permissions: x}", ".permissions", "must be some of rwm"),
        ("{source: /dev/a, cgroup: x}", ".cgroup", "is not a key of a device"),
    ],
)
def test_what_is_no_device(written, field, reason):
    ((_, at, said),) = refusals(f"devices:\n  - {written}")
    assert at == f"devices[0]{field}"
    assert reason in said


def test_one_path_in_the_container_is_one_device():
    assert refusals("devices: [/dev/a, '/dev/b:/dev/a']") == [(4, "devices", "maps '/dev/a' twice")]
