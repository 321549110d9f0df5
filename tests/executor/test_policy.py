"""What a box allows: each rule, and the tricks by which one might get around it."""

import os

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.executor.orders import container, instance, order

from skerry_executor.policy import check, told
from skerry_wire import codec
from skerry_wire.box_policy import (
    BoxPolicy,
    PortRange,
    allows_device,
    is_plain_path,
    is_within,
    reasons,
    total_reasons,
)
from skerry_wire.images import parse_pattern
from skerry_wire.lifecycle import File
from skerry_wire.workload import DeviceMapping, Mount, PortMapping

LOCAL = (parse_pattern("localhost"),)
SAME = str


def said(policy, *containers, resolve=SAME):
    """Return what the policy has against an order with these containers, in words."""
    found = check(order(instance(containers=containers)), policy, resolve)
    return [str(violation) for violation in found]


def against(policy=None, resolve=SAME, **changes):
    return said(policy or BoxPolicy(images=LOCAL), container(**changes), resolve=resolve)


def bind(source, target="/x", read_only=False):
    return {"mounts": (Mount(kind="bind", source=source, target=target, read_only=read_only),)}


def device(host, target="/dev/x"):
    return {"devices": (DeviceMapping(host=host, container=target),)}


def test_without_a_policy_no_image_is_allowed():
    assert against(BoxPolicy()) == [
        "skerry-shop-web-0-web: image localhost/skerry-demo-web:1 is not among those allowed"
    ]
    assert check(order(), BoxPolicy(), SAME) == ()


def test_an_ordinary_container_of_an_allowed_image_is_allowed():
    assert against() == []
    assert against(BoxPolicy(any_image=True), image="anything/at/all:1") == []


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
    policy = BoxPolicy(any_image=True, require_digest=True)
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
    assert against(BoxPolicy(images=LOCAL, **permission), **changes) == []


@pytest.mark.parametrize(
    ("path", "reason"),
    [
        ("/proc/1/environ", "stand before what the kernel shows"),
        ("/sys", "stand before what the kernel shows"),
        ("/dev/x", "stand before what the kernel shows"),
        ("/", "give an absolute path"),
        ("/a/../proc", "give an absolute path"),
        ("/a:b", "give an absolute path"),
    ],
)
def test_files_of_an_order_need_no_permission_but_a_decent_place(path, reason):
    assert against(files=(File(path="/device/a"), File(path="/run/secrets/b"))) == []
    (only,) = against(files=(File(path=path),))
    assert reason in only


def test_one_capability_does_not_give_another():
    policy = BoxPolicy(images=LOCAL, capabilities=("NET_ADMIN",))
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
    policy = BoxPolicy(images=LOCAL, bind=("/srv/data",), bind_read_only=("/etc/hosts",))
    assert (against(policy, **bind(source, read_only=read_only)) == []) is allowed


def test_that_a_folder_is_allowed_read_only_is_said():
    policy = BoxPolicy(images=LOCAL, bind_read_only=("/etc/hosts",))
    (only,) = against(policy, **bind("/etc/hosts"))
    assert "bind /etc/hosts is allowed read-only" in only


def test_symbolic_links_are_followed_before_comparing(tmp_path):
    (tmp_path / "allowed").mkdir()
    (tmp_path / "secret").mkdir()
    (tmp_path / "allowed" / "out").symlink_to(tmp_path / "secret")
    (tmp_path / "allowed" / "up").symlink_to("..")
    (tmp_path / "in").symlink_to(tmp_path / "allowed")
    policy = BoxPolicy(images=LOCAL, bind=(str(tmp_path / "in"),))

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
    policy = BoxPolicy(images=LOCAL, bind=("/srv",))
    source = {"bind": "/srv", "volume": "data", "tmpfs": ""}[kind]
    (only,) = against(policy, mounts=(Mount(kind=kind, source=source, target=target),))
    assert "mount target" in only


@pytest.mark.parametrize("name", ["../etc", "/etc", "a/b", "a,b", ".a", "a" * 256])
def test_a_volume_is_a_name_and_no_path(name):
    (only,) = against(mounts=(Mount(kind="volume", source=name, target="/x"),))
    assert "is not the name of a volume" in only


def test_volumes_can_be_denied_and_memory_cannot():
    policy = BoxPolicy(images=LOCAL, volumes=False)
    mounts = tuple(Mount(kind="volume", source=s, target="/x") for s in ("data", ""))
    assert len(against(policy, mounts=mounts)) == 2
    assert against(mounts=mounts) == []
    assert against(policy, mounts=(Mount(kind="tmpfs", target="/x"),)) == []


NAMES = st.sampled_from(["a", "b", "ab", ".", "..", "", "a b", "ä", "a,b"])
ABSOLUTE = st.lists(NAMES, max_size=5).map(lambda names: "/" + "/".join(names))


@given(ABSOLUTE.filter(is_plain_path), ABSOLUTE)
def test_whatever_is_allowed_lies_below_what_is_allowed(folder, source):
    policy = BoxPolicy(images=LOCAL, bind=(folder,))
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
    assert (against(BoxPolicy(images=LOCAL, devices=(glob,)), **device(path)) == []) is allowed


@pytest.mark.parametrize(
    ("glob", "name", "allowed"),
    [
        ("nvidia.com/gpu=*", "nvidia.com/gpu=0", True),
        ("nvidia.com/gpu=[0-1]", "nvidia.com/gpu=2", False),
        ("nvidia.com/gpu=0", "nvidia.com/gpu=0:1", False),
        ("*.com/gpu=all", "nvidia.com/gpu=all", True),
        ("nvidia.com/*", "nvidia.com/gpu=0", False),
        ("/dev/*", "nvidia.com/gpu=0", False),
        ("*", "nvidia.com/gpu=0", False),
    ],
)
def test_devices_of_cdi_are_matched_by_their_names(glob, name, allowed):
    found = against(BoxPolicy(images=LOCAL, devices=(glob,)), cdi_devices=(name,))
    assert [one.partition(": ")[2] for one in found] == (
        [] if allowed else [f"device {name} is not allowed"]
    )
    assert not allows_device(BoxPolicy(devices=(glob,)), name)


def test_a_devices_name_in_the_container_cannot_bring_options():
    policy = BoxPolicy(images=LOCAL, devices=("/dev/null",))
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
    assert (against(BoxPolicy(images=LOCAL, ports=ranges), ports=asked) == []) is allowed


def test_limits_hold_for_all_containers_together():
    policy = BoxPolicy(images=LOCAL, cpu_milli=1000, memory_bytes=100)
    half = container("a", cpu_limit_milli=500, memory_limit_bytes=50)
    other = container("b", cpu_limit_milli=500, memory_limit_bytes=51)
    assert said(policy, half) == []
    assert said(policy, half, other) == [
        "the memory limits add up to 101; this box allows 100 (limits.memory)"
    ]
    assert len(said(policy, container())) == 2
    both = order(instance("done-0", containers=[half]), instance("web-0", containers=[other]))
    assert len(check(both, policy, SAME)) == 1
    assert check(both, policy, SAME, {"done-0"}) == (), "a finished job uses nothing"


def test_every_reason_of_every_container_is_given():
    bad = {"privileged": True, "network": "host", "image": "evil/web"}
    found = said(BoxPolicy(), container("a", **bad), container("b", **bad, **bind("/")))
    assert len(found) == 7
    assert {reason.partition(":")[0] for reason in found} == {
        "skerry-shop-web-0-a",
        "skerry-shop-web-0-b",
    }


# --- what others are told -----------------------------------------------------------------


def test_a_policy_is_told_with_what_its_folders_links_lead_to(tmp_path):
    (tmp_path / "disk").mkdir()
    (tmp_path / "data").symlink_to(tmp_path / "disk")
    link, real = str(tmp_path / "data"), str(tmp_path / "disk")
    policy = BoxPolicy(images=LOCAL, bind=(link,), bind_read_only=(real,))
    shown = told(policy, os.path.realpath)
    assert (shown.bind, shown.bind_read_only) == ((link, real), (real,))
    for path in (link, real):
        asked = bind(f"{path}/shop")
        assert against(policy, os.path.realpath, **asked) == against(shown, SAME, **asked) == []


@pytest.mark.parametrize(
    "policy",
    [
        BoxPolicy(devices=tuple(f"/dev/{number}" for number in range(257))),
        BoxPolicy(bind=("/" + "x" * 1024,)),
        BoxPolicy(cpu_milli=2**63),
        BoxPolicy(devices=tuple("/dev/" + "x" * 1000 for _ in range(13))),
    ],
)
def test_a_policy_that_no_message_holds_is_not_told_at_all(policy):
    # Half of it would be another policy.
    assert told(policy, SAME) is None


GLOBS = st.text("ab*?[]!-/\\.", max_size=8).map(lambda text: f"/dev/{text}")


@given(
    st.builds(
        BoxPolicy,
        images=st.sampled_from([(), LOCAL, (parse_pattern("docker.io/library/nginx:1"),)]),
        any_image=st.booleans(),
        require_digest=st.booleans(),
        privileged=st.booleans(),
        host_network=st.booleans(),
        capabilities=st.sampled_from([(), ("NET_ADMIN",)]),
        bind=st.lists(ABSOLUTE.filter(is_plain_path), max_size=2).map(tuple),
        bind_read_only=st.lists(ABSOLUTE.filter(is_plain_path), max_size=2).map(tuple),
        volumes=st.booleans(),
        devices=st.lists(GLOBS, max_size=2).map(tuple),
        ports=st.sampled_from([(), (PortRange(first=80, last=90, protocol="tcp"),)]),
        cpu_milli=st.sampled_from([None, 0, 1000]),
        memory_bytes=st.sampled_from([None, 100]),
    ),
    st.sampled_from(["localhost/web:1", "nginx:1", "docker.io/nginx@sha256:" + "a" * 64]),
    st.booleans(),
    st.lists(st.tuples(st.sampled_from(["bind", "volume"]), ABSOLUTE, st.booleans()), max_size=2),
    st.lists(GLOBS, max_size=2),
    st.sampled_from([80, 91]),
)
def test_whoever_was_told_the_policy_judges_as_the_box_does(
    policy, image, privileged, mounts, devices, port
):
    """On a box without symbolic links; the message in between loses nothing."""
    asked = container(
        image=image,
        privileged=privileged,
        mounts=tuple(
            Mount(kind=kind, source=source, target="/x", read_only=only)
            for kind, source, only in mounts
        ),
        devices=tuple(DeviceMapping(host=path, container="/dev/x") for path in devices),
        ports=(PortMapping(host=port, container=1),),
        cpu_limit_milli=500,
    )
    elsewhere = codec.decode(BoxPolicy, codec.encode(told(policy, SAME)))
    here = [*reasons(asked, policy, SAME), *total_reasons((asked,), policy)]
    there = [*reasons(asked, elsewhere, SAME), *total_reasons((asked,), elsewhere)]
    assert here == there
    assert [one.removeprefix("skerry-shop-web-0-web: ") for one in said(policy, asked)] == here
    assert all(
        allows_device(elsewhere, path) is (f"device {path} is not allowed" not in here)
        for path in devices
        if is_plain_path(path)
    )
