"""What a box allows: each rule, and the tricks by which one might get around it."""

import os

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.executor.orders import container, instance, order

from skerry_executor.images import parse_pattern
from skerry_executor.policy import Policy, PortRange, check, is_plain_path, is_within
from skerry_wire.workload import DeviceMapping, Mount, PortMapping

LOCAL = (parse_pattern("localhost"),)
SAME = str


def said(policy, *containers, resolve=SAME):
    """Return what the policy has against an order with these containers, in words."""
    found = check(order(instance(containers=containers)), policy, resolve)
    return [str(violation) for violation in found]


def against(policy=None, resolve=SAME, **changes):
    return said(policy or Policy(images=LOCAL), container(**changes), resolve=resolve)


def bind(source, target="/x", read_only=False):
    return {"mounts": (Mount(kind="bind", source=source, target=target, read_only=read_only),)}


def device(host, target="/dev/x"):
    return {"devices": (DeviceMapping(host=host, container=target),)}


def test_without_a_policy_no_image_is_allowed():
    assert against(Policy()) == [
        "skerry-shop-web-0-web: image localhost/skerry-demo-web:1 is not among those allowed"
    ]
    assert check(order(), Policy(), SAME) == ()


def test_an_ordinary_container_of_an_allowed_image_is_allowed():
    assert against() == []
    assert against(Policy(any_image=True), image="anything/at/all:1") == []


@pytest.mark.parametrize(
    ("image", "reason"),
    [
        ("docker.io/nginx", "image docker.io/library/nginx:latest is not among those allowed"),
        ("localhost.evil/web:1", "is not among those allowed"),
        ("localhost/../evil", "is not the path of an image"),
    ],
)
def test_other_images_are_denied(image, reason):
    (only,) = against(image=image)
    assert reason in only


def test_a_digest_can_be_asked_for():
    policy = Policy(any_image=True, require_digest=True)
    assert against(policy, image="localhost/web@sha256:" + "a" * 64) == []
    assert "is not pinned by a digest" in against(policy)[0]


@pytest.mark.parametrize(
    ("changes", "permission", "reason"),
    [
        ({"privileged": True}, {"privileged": True}, "privileged is not allowed"),
        ({"network": "host"}, {"host_network": True}, "the network of the host"),
        ({"pid": "host"}, {"host_pid": True}, "the processes of the host"),
        ({"ipc": "host"}, {"host_ipc": True}, "the IPC of the host"),
        ({"cap_add": ("NET_ADMIN",)}, {"capabilities": ("NET_ADMIN",)}, "capability NET_ADMIN"),
        ({"cap_add": ("cap_net_raw",)}, {"capabilities": ("NET_RAW",)}, "capability cap_net_raw"),
        ({"cap_add": ("ALL",)}, {"capabilities": ("ALL",)}, "capability ALL"),
        (bind("/srv/data"), {"bind": ("/srv",)}, "bind /srv/data is not within an allowed folder"),
        (device("/dev/video0"), {"devices": ("/dev/video*",)}, "device /dev/video0"),
    ],
)
def test_a_privilege_is_denied_unless_the_box_gives_it(changes, permission, reason):
    (only,) = against(**changes)
    assert reason in only
    assert against(Policy(images=LOCAL, **permission), **changes) == []


def test_one_capability_does_not_give_another():
    policy = Policy(images=LOCAL, capabilities=("NET_ADMIN",))
    assert len(against(policy, cap_add=("NET_ADMIN", "SYS_ADMIN", "ALL", " NET_ADMIN"))) == 3


def test_capabilities_may_always_be_dropped():
    assert against(cap_drop=("ALL",)) == []


# --- mounts -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("source", "read_only", "allowed"),
    [
        ("/srv/data", False, True),
        ("/srv/data/deep/er", False, True),
        ("/srv/data", True, True),
        ("/srv/database", False, False),
        ("/srv", False, False),
        ("/", False, False),
        ("/etc/hosts", True, True),
        ("/etc/hosts", False, False),
        ("/srv/data/..", False, False),
        ("/srv/data/../../etc", False, False),
        ("/srv/data/.", False, False),
        ("//srv/data", False, False),
        ("/srv/data/", False, False),
        ("srv/data", False, False),
        ("", False, False),
        ("/srv/data/a,source=/etc", False, False),
        ("/srv/data:/etc", False, False),
        ('/srv/data/"', False, False),
        ("/srv/data/\\", False, False),
        ("/srv/data/\n", False, False),
    ],
)
def test_folders_of_the_box(source, read_only, allowed):
    policy = Policy(images=LOCAL, bind=("/srv/data",), bind_read_only=("/etc/hosts",))
    assert (against(policy, **bind(source, read_only=read_only)) == []) is allowed


def test_that_a_folder_is_allowed_read_only_is_said():
    policy = Policy(images=LOCAL, bind_read_only=("/etc/hosts",))
    (only,) = against(policy, **bind("/etc/hosts"))
    assert "bind /etc/hosts is allowed read-only" in only


def test_symbolic_links_are_followed_before_comparing(tmp_path):
    (tmp_path / "allowed").mkdir()
    (tmp_path / "secret").mkdir()
    (tmp_path / "allowed" / "out").symlink_to(tmp_path / "secret")
    (tmp_path / "allowed" / "up").symlink_to("..")
    (tmp_path / "in").symlink_to(tmp_path / "allowed")
    policy = Policy(images=LOCAL, bind=(str(tmp_path / "in"),))

    def tried(path):
        return against(policy, os.path.realpath, **bind(f"{tmp_path}/{path}"))

    assert tried("allowed") == tried("in") == tried("allowed/not-yet-there") == []
    for path in ("allowed/out", "allowed/up", "allowed/up/secret", "in/out", "in/out/not-there"):
        (only,) = tried(path)
        assert f"(which is {os.path.realpath(tmp_path / path)})" in only


@pytest.mark.parametrize("target", ["/x,source=/", "/x:exec", '/x"', "/x\\", "/x\ny"])
@pytest.mark.parametrize("kind", ["bind", "volume", "tmpfs"])
def test_a_target_cannot_bring_another_source(kind, target):
    # podman 4.3 mounted / of the box for the first of these.
    policy = Policy(images=LOCAL, bind=("/srv",))
    source = {"bind": "/srv", "volume": "data", "tmpfs": ""}[kind]
    (only,) = against(policy, mounts=(Mount(kind=kind, source=source, target=target),))
    assert "mount target" in only


@pytest.mark.parametrize("name", ["../etc", "/etc", "a/b", "a,b", ".a", "a" * 256])
def test_a_volume_is_a_name_and_no_path(name):
    (only,) = against(mounts=(Mount(kind="volume", source=name, target="/x"),))
    assert "is not the name of a volume" in only


def test_volumes_can_be_denied_and_memory_cannot():
    policy = Policy(images=LOCAL, volumes=False)
    mounts = tuple(Mount(kind="volume", source=s, target="/x") for s in ("data", ""))
    assert len(against(policy, mounts=mounts)) == 2
    assert against(mounts=mounts) == []
    assert against(policy, mounts=(Mount(kind="tmpfs", target="/x"),)) == []


NAMES = st.sampled_from(["a", "b", "ab", ".", "..", "", "a b", "ä", "a,b"])
ABSOLUTE = st.lists(NAMES, max_size=5).map(lambda names: "/" + "/".join(names))


@given(ABSOLUTE.filter(is_plain_path), ABSOLUTE)
def test_whatever_is_allowed_lies_below_what_is_allowed(folder, source):
    policy = Policy(images=LOCAL, bind=(folder,))
    if against(policy, os.path.normpath, **bind(source)) == []:
        assert os.path.commonpath([source, folder]) == folder


@given(ABSOLUTE)
def test_a_plain_path_has_one_spelling(path):
    if is_plain_path(path):
        assert os.path.normpath(path) == path
        assert is_within(path, path)
        assert is_within(path, "/")


# --- devices, ports, limits ---------------------------------------------------------------


@pytest.mark.parametrize(
    ("glob", "path", "allowed"),
    [
        ("/dev/ttyUSB*", "/dev/ttyUSB0", True),
        ("/dev/ttyUSB*", "/dev/ttyUSB0/x", False),
        ("/dev/*", "/dev/bus/usb", False),
        ("/dev/bus/usb/*/*", "/dev/bus/usb/001/002", True),
        ("/dev/ttyUSB[0-3]", "/dev/ttyUSB4", False),
        ("/dev/video0", "/dev/video01", False),
        ("/dev/x/*", "/dev/x/..", False),
        ("/dev/*/mem", "/dev/../mem", False),
        ("/dev/*", "/dev/mem:foo", False),
        ("/dev/*", "/dev/", False),
    ],
)
def test_devices_are_matched_element_by_element(glob, path, allowed):
    assert (against(Policy(images=LOCAL, devices=(glob,)), **device(path)) == []) is allowed


def test_a_devices_name_in_the_container_cannot_bring_options():
    policy = Policy(images=LOCAL, devices=("/dev/null",))
    assert "device target" in against(policy, **device("/dev/null", "/dev/x:rwm"))[0]


@pytest.mark.parametrize(
    ("port", "protocol", "allowed"),
    [(80, "tcp", True), (80, "udp", True), (79, "tcp", False), (53, "udp", True),
     (53, "tcp", False), (8000, "tcp", True), (8999, "tcp", True), (9000, "tcp", False)],
)  # fmt: skip
def test_ports(port, protocol, allowed):
    ranges = (PortRange(first=80, last=80), PortRange(first=53, last=53, protocol="udp"),
              PortRange(first=8000, last=8999))  # fmt: skip
    asked = (PortMapping(host=port, container=1, protocol=protocol),)
    assert (against(Policy(images=LOCAL, ports=ranges), ports=asked) == []) is allowed


def test_limits_hold_for_all_containers_together():
    policy = Policy(images=LOCAL, cpu_milli=1000, memory_bytes=100)
    half = container("a", cpu_limit_milli=500, memory_limit_bytes=50)
    other = container("b", cpu_limit_milli=500, memory_limit_bytes=51)
    assert said(policy, half) == []
    assert said(policy, half, other) == [
        "the memory limits add up to 101; this box allows 100 (limits.memory)"
    ]
    assert len(said(policy, container())) == 2


def test_every_reason_of_every_container_is_given():
    bad = {"privileged": True, "network": "host", "image": "evil/web"}
    found = said(Policy(), container("a", **bad), container("b", **bad, **bind("/")))
    assert len(found) == 7
    assert {reason.partition(":")[0] for reason in found} == {
        "skerry-shop-web-0-a",
        "skerry-shop-web-0-b",
    }
