"""`skerry simulate`: the real engine on files, without a hub; what is shown, and how it exits."""

import gzip
import json
import lzma

import pytest
from tests.hub.records import NOW, hardware
from tests.hub.test_snapshot import box

from skerry_cli import simulate
from skerry_cli.failures import Failure
from skerry_hub.fleet.columns import Columns
from skerry_hub.latency import Network
from skerry_hub.snapshot import pieces, snapshot_of
from skerry_hub.state import Draft, Known
from skerry_hub.work import Work
from skerry_wire import codec
from skerry_wire.hardware import Filesystem

SHOP = """\
name: shop
services:
  web:
    image: localhost/web:1
    deploy: {replicas: 2, resources: {reservations: {memory: 1G, cpus: "0.5"}}}
"""
BIG = """\
name: far
services:
  big:
    image: localhost/web:1
    deploy: {resources: {reservations: {memory: 64G}}}
"""
ROOT = Filesystem(mount="/", device="/dev/a", type="ext4", size_bytes=2**35)


def said(hostname):
    """Return what an agent says it has."""
    return codec.to_plain(hardware(hostname, filesystems=(ROOT,)), nulls=True)


@pytest.fixture
def fleet(tmp_path):
    path = tmp_path / "fleet.json"
    path.write_text("\n".join(json.dumps(said(name)) for name in ("box-1", "box-2")))
    return path


@pytest.fixture
def shop(tmp_path):
    (tmp_path / "shop.yaml").write_text(SHOP)
    return str(tmp_path / "shop.yaml")


@pytest.fixture
def big(tmp_path):
    (tmp_path / "big.yaml").write_text(BIG)
    return str(tmp_path / "big.yaml")


def asked(skerry, fleet, *words, code=0):
    return json.loads(
        skerry("simulate", "--fleet", str(fleet), *words, "-o", "json", code=code).out
    )


def test_what_would_be_done_is_shown_and_no_hub_is_asked(skerry, hub, fleet, shop):
    done = skerry("simulate", "--fleet", str(fleet), "--workloads", shop)
    assert "  + shop-web-0 on box-1  score 0." in done.out
    assert "2 to create\n" in done.out
    assert "box-2   1           0.5 of 4   1 GiB of 8 GiB   0 B of 32 GiB   -\n" in done.out
    assert (done.err, hub.asked) == ("", [])


def test_what_finds_no_node_is_told_and_exits_3(skerry, fleet, shop, big):
    done = skerry("simulate", "--fleet", str(fleet), "-w", shop, "-w", big, code=3)
    assert "far-big: 0 of 1 placed; no node fits: memory 2 nodes (nearest: box-" in done.err
    assert "  every reason: --explain far-big\n" in done.err
    assert "shop-web-1 on box-2" in done.out


def test_a_workload_is_explained_as_it_would_be(skerry, fleet, shop, big):
    words = ("simulate", "--fleet", str(fleet), "-w", shop, "-w", big)
    out = skerry(*words, "--explain", "shop-web", code=3).out
    assert "\nshop-web: 2 of 2 placed; 2 of 2 nodes would take shop-web-1\n" in out
    assert "\nshop-web-0 on box-1: score 0." in out
    out = skerry(*words, "--explain", "far-big", "--node", "box-2", code=3).out
    assert "What would help, the least first\n  ask for at most " in out
    assert out.count("box-2   memory: ") == 1
    assert "box-1   memory: " not in out


def test_json_has_every_node_and_what_a_plan_has(skerry, fleet, shop):
    found = asked(skerry, fleet, "-w", shop)
    assert [one["node"] for one in found["nodes"]] == ["box-1", "box-2"]
    assert found["nodes"][0]["memory_reserved_bytes"] == 2**30
    assert {one["instance"] for one in found["plan"]["changes"]} == {"shop-web-0", "shop-web-1"}
    assert found["plan"]["basis"]["inputs"] == found["fleet"]["inputs"]
    assert found["explanation"] is None


@pytest.mark.parametrize(("suffix", "packed"), [(".gz", gzip.compress), (".xz", lzma.compress)])
def test_a_packed_fleet_is_the_same(skerry, fleet, shop, tmp_path, suffix, packed):
    path = tmp_path / f"fleet.json{suffix}"
    path.write_bytes(packed(fleet.read_bytes()))
    assert asked(skerry, path, "-w", shop)["plan"] == asked(skerry, fleet, "-w", shop)["plan"]


def test_a_fleet_may_come_from_standard_input(skerry, fleet, shop):
    done = skerry("simulate", "--fleet", "-", "-w", shop, data=fleet.read_text())
    assert done.out.startswith("2 nodes, ")


def test_a_snapshot_is_taken_as_it_is(skerry, shop, tmp_path):
    known = Known([box("box-1"), box("box-2")])
    work = Work(Draft(known), Columns(), NOW, Network(), "spread")
    path = tmp_path / "fleet.json"
    path.write_bytes(b"".join(pieces(snapshot_of(known, work))))
    done = skerry("simulate", "--fleet", str(path), "-w", shop)
    assert f"inputs {known.inputs.digest}\n" in done.out
    assert done.err == ""
    # Without workloads: the fleet as it is.
    assert "no instance changes" in skerry("simulate", "--fleet", str(path)).out
    edited = path.read_text().replace('"total_bytes":8589934592', '"total_bytes":99', 1)
    path.write_text(edited)
    done = skerry("simulate", "--fleet", str(path), "-w", shop)
    assert done.err == "1 node: hardware that its revision is not of\n"
    path.write_text(
        edited.replace('"liveness":"online"', '"liveness":"lost"').replace(
            '"total_bytes":99', '"total_bytes":8589934592'
        )
    )
    done = skerry("simulate", "--fleet", str(path), "-w", shop, code=3)
    assert f"the hub had the inputs {known.inputs.digest}: the file was changed since\n" in done.err


def test_workloads_may_be_json(skerry, fleet, tmp_path):
    job = {"name": "a-b", "project": "a", "containers": [{"name": "c", "image": "localhost/x:1"}]}
    (tmp_path / "jobs.json").write_text(json.dumps([job]))
    found = asked(skerry, fleet, "-w", str(tmp_path / "jobs.json"))
    assert found["plan"]["created"] == ["a-b"]


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (None, "No such file"),
        (b"", "holds nothing"),
        (b"{", "fleet.json:1: expected a key"),
        (b'[\n{"x": 1}]', "fleet.json:2: [0]: is neither a snapshot"),
        (b"\xff\xfe", "is not UTF-8 text"),
        (b'{"snapshot": 1, "nodes": [{"id": "A"}]}', "nodes[0].id: 'A' does not match"),
    ],
)
def test_what_is_no_fleet_is_told_by_file_line_and_field(skerry, shop, tmp_path, content, words):
    path = tmp_path / "fleet.json"
    if content is not None:
        path.write_bytes(content)
    done = skerry("simulate", "--fleet", str(path), "-w", shop, code=2)
    assert done.err.startswith(str(path))
    assert words in done.err


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("f.json.gz", b"no gzip"),
        ("f.json.xz", b"no xz"),
        ("f.json.gz", gzip.compress(b"[" * 1000)[:-9]),
        ("f.json.xz", lzma.compress(b" " * 100_000)[:-20]),
    ],
)
def test_what_is_not_packed_as_it_says_is_told(skerry, shop, tmp_path, name, data):
    path = tmp_path / name
    path.write_bytes(data)
    done = skerry("simulate", "--fleet", str(path), "-w", shop, code=2)
    assert "is damaged, or not packed as its name says" in done.err


def test_a_wrong_workload_is_told_by_line(skerry, fleet, tmp_path):
    (tmp_path / "a.yaml").write_text("services:\n  web: {image: x, colour: red}\n")
    done = skerry("simulate", "--fleet", str(fleet), "-w", str(tmp_path / "a.yaml"), code=2)
    assert "a.yaml:2: services.web.colour" in done.err


def test_an_unknown_workload_or_node_is_an_error(skerry, fleet, shop):
    words = ("simulate", "--fleet", str(fleet), "-w", shop, "--explain")
    assert "there is no workload x" in skerry(*words, "x", code=1).err
    assert "there is no node y" in skerry(*words, "shop-web", "--node", "y", code=1).err


@pytest.mark.parametrize(
    "words",
    [
        ["-w", "x"],
        ["--fleet", "-", "-w", "-"],
        ["--fleet", "x", "--node", "y"],
        ["--fleet", "x", "--limit", "0"],
    ],
)
def test_wrong_usage_exits_2(skerry, words):
    assert "Usage:" in skerry("simulate", *words, code=2).err


def test_what_takes_too_long_is_ended(skerry, fleet, shop):
    done = skerry("simulate", "--fleet", str(fleet), "-w", shop, "--timeout", "1ms", code=4)
    assert done.err == "skerry: the simulation took more than 0.001 s (--timeout)\n"


def test_without_the_hubs_package_it_says_what_to_install():
    with pytest.raises(Failure, match=r"pip install 'skerry\[hub\]'"):
        simulate.loaded("simulate", group="skerry.nothing")
