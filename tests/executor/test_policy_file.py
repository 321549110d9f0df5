"""The box's policy file: what it may say, and how its errors read."""

import pathlib
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from skerry_executor.policy_file import PolicyError, parse_policy, read_policy
from skerry_wire.box_policy import AllowedRequests, BoxPolicy, PortRange, Updates
from skerry_wire.images import ImagePattern

EXAMPLE = pathlib.Path(__file__).parents[2] / "packaging" / "policy.toml"

FULL = b"""
[images]
allow = ["registry.example/shop", "localhost"]
require_digest = true
[privileges]
privileged = true
host_network = true
host_pid = true
host_ipc = true
capabilities = ["cap_net_admin", "SYS_TIME"]
[mounts]
bind = ["/srv/data"]
bind_read_only = ["/etc/localtime"]
volumes = false
[devices]
allow = ["/dev/ttyUSB*", "nvidia.com/gpu=*"]
[ports]
allow = ["80", "8000-8999", "53/udp"]
[limits]
cpu_milli = 3000
memory = "2 GiB"
[requests]
logs = false
restart = false
top = false
exec = true
[updates]
windows = ["Mon-Fri 02:00-04:00", "22:00-01:00"]
time = "local"
new = "hold"
disk_reserve = "1 GiB"
"""


def test_every_key_is_read():
    assert parse_policy(FULL) == BoxPolicy(
        images=(
            ImagePattern(registry="registry.example", path="shop"),
            ImagePattern(registry="localhost"),
        ),
        require_digest=True,
        privileged=True,
        host_network=True,
        host_pid=True,
        host_ipc=True,
        capabilities=("NET_ADMIN", "SYS_TIME"),
        bind=("/srv/data",),
        bind_read_only=("/etc/localtime",),
        volumes=False,
        devices=("/dev/ttyUSB*", "nvidia.com/gpu=*"),
        ports=(
            PortRange(first=80, last=80),
            PortRange(first=8000, last=8999),
            PortRange(first=53, last=53, protocol="udp"),
        ),
        cpu_milli=3000,
        memory_bytes=2 * 2**30,
        requests=AllowedRequests(logs=False, restart=False, top=False, exec=True),
        updates=Updates(
            windows=("Mon-Fri 02:00-04:00", "22:00-01:00"),
            time="local",
            new="hold",
            disk_reserve_bytes=2**30,
        ),
    )


def test_an_empty_file_and_the_example_allow_no_image():
    assert parse_policy(b"") == BoxPolicy()
    assert read_policy(EXAMPLE) == BoxPolicy()


def test_the_examples_own_suggestions_are_valid():
    commented = re.compile(r'^ *# (?="|cpu_milli|memory)', re.MULTILINE)
    first, rest = EXAMPLE.read_text().split("[images]", 1)
    assert first.startswith("#")
    shown = rest.split("allow = [", 1)
    policy = parse_policy(f"[images]\nallow = [{commented.sub('', shown[1])}".encode())
    assert len(policy.images) == 3
    assert policy.devices
    assert policy.bind_read_only == ("/etc/localtime",)
    assert policy.memory_bytes == 2 * 2**30


def test_the_star_allows_any_image():
    assert parse_policy(b'[images]\nallow = ["*"]').any_image


def test_images_stay_a_week_unless_the_box_says_otherwise():
    usual = parse_policy(b"")
    assert (usual.image_keep_days, usual.image_free_percent) == (7, 0)
    own = parse_policy(b"[images]\nkeep_days = 0\nfree_percent = 10")
    assert (own.image_keep_days, own.image_free_percent) == (0, 10)


def test_no_file_is_not_an_empty_file(tmp_path):
    assert read_policy(tmp_path / "none.toml") is None


@pytest.mark.parametrize(
    ("content", "line", "words"),
    [
        ("\n[image]\nallow = []", 2, "[image] is unknown; there are images, privileges"),
        ("[images]\n\nalow = []", 3, "images.alow is unknown; there are allow, require_digest"),
        ("images = []", 1, "images must be a table: write [images]"),
        ("images.allow = 1", 1, "images.allow: must be a list of texts"),
        ("[images]\nallow = [1]", 2, "images.allow: must be a list of texts"),
        ('[images]\nallow = ["a/../b"]', 2, "images.allow: 'a/../b': "),
        ('[images]\nallow = ["localhost/*"]', 2, '"*" alone allows any image'),
        ('[privileges]\nprivileged = "yes"', 2, "privileges.privileged: must be true or false"),
        ('[mounts]\nvolumes = true\nbind = ["srv"]', 3, "mounts.bind: 'srv' is not an absolute"),
        ('[mounts]\nbind = ["/srv/../etc"]', 2, "mounts.bind: '/srv/../etc' is not"),
        ('[devices]\nallow = ["a.b/gpu"]', 2, "devices.allow: 'a.b/gpu' is neither an"),
        ('[devices]\nallow = ["ttyUSB0"]', 2, "devices.allow: 'ttyUSB0' is neither"),
        ('[ports]\nallow = ["0"]', 2, "ports.allow: '0' is not like 80, 8000-8999 or 53/udp"),
        ('[ports]\nallow = ["9-8"]', 2, "ports.allow: '9-8'"),
        ('[ports]\nallow = ["65536"]', 2, "ports.allow: '65536'"),
        ("[limits]\ncpu_milli = true", 2, "limits.cpu_milli: must be a whole number"),
        ("[limits]\nmemory = 5", 2, 'limits.memory: must be a text like "512 MiB"'),
        ('[limits]\nmemory = "5 GB"', 2, "limits.memory: "),
        ('[updates]\nwindows = ["2-4"]', 2, "updates.windows: '2-4' is not like 'Mon-Fri "),
        ('[updates]\nwindows = ["Mo 02:00-04:00"]', 2, "updates.windows: 'Mo 02:00-04:00' is"),
        (f"[updates]\nwindows = {['02:00-04:00'] * 33}", 2, "updates.windows: are more than 32"),
        ('[updates]\ntime = "CET"', 2, 'updates.time: must be "utc" or "local"'),
        ("[images]\nkeep_days = -1", 2, "images.keep_days: must be a whole number"),
        ("[images]\nkeep_days = 3651", 2, "images.keep_days: must be 3650 at most"),
        ("[images]\nfree_percent = 91", 2, "images.free_percent: must be 90 at most"),
        ("[updates]\nnew = 0", 2, 'updates.new: must be "allow" or "hold"'),
        ("[updates]\ndisk_reserve = 5", 2, 'updates.disk_reserve: must be a text like "512 MiB"'),
    ],
)
def test_an_error_names_file_line_and_key(tmp_path, content, line, words):
    path = tmp_path / "policy.toml"
    path.write_text(content)
    with pytest.raises(PolicyError) as error:
        read_policy(path)
    assert str(error.value).startswith(f"{path}:{line}: ")
    assert words in str(error.value)


def test_what_is_not_toml_is_said_with_its_line(tmp_path):
    path = tmp_path / "policy.toml"
    path.write_text("[images]\nallow = [\nx]")
    with pytest.raises(PolicyError, match=r"is not TOML: .*line 3"):
        read_policy(path)
    path.write_bytes(b"\xff")
    with pytest.raises(PolicyError, match="is not TOML"):
        read_policy(path)
    path.write_bytes(b"#" * (256 * 1024 + 1))
    with pytest.raises(PolicyError, match="larger than"):
        read_policy(path)
    with pytest.raises(PolicyError, match="cannot be read: Is a directory"):
        read_policy(tmp_path)


@given(st.binary(max_size=200))
def test_any_content_is_a_policy_or_an_error(content):
    try:
        found = parse_policy(content)
    except PolicyError:
        return
    assert not found.images
    assert not found.privileged
