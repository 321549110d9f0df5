import csv
import dataclasses
import io
import itertools
import json
import lzma
import random

import pytest
from benchmarks import openb
from benchmarks.openb import Line, Pod, arrivals, at_random, best_fit, pack
from benchmarks.row import BenchError

from skerry_hub.fleet.columns import Columns
from skerry_hub.model import Resources, Workload
from skerry_hub.placement.world import World

POD_FIELDS = (*openb.POD_FIELDS, "gpu_spec")

NODES = [
    ("n-b", 32000, 65536, 2, "P100"),
    ("n-a", 64000, 131072, 4, "T4"),
    ("n-c", 96000, 262144, 0, ""),
]
PODS = [
    ("p-3", 4000, 8192, 1, 1000, ""),
    ("p-1", 2000, 4096, 1, 500, ""),
    ("p-2", 2000, 4096, 2, 1000, "T4"),
    ("p-4", 1000, 1024, 0, 0, ""),
]


def text_of(fields, rows):
    out = io.StringIO()
    csv.writer(out).writerows([fields, *rows])
    return out.getvalue()


@pytest.fixture
def folder(tmp_path):
    (tmp_path / openb.NODES).write_text(text_of(openb.NODE_FIELDS, NODES))
    (tmp_path / "openb_pod_list_tiny.csv").write_text(text_of(POD_FIELDS, PODS))
    return tmp_path


def nodes(*rows):
    fields = [dict(zip(openb.NODE_FIELDS, map(str, row), strict=True)) for row in rows]
    return [openb.node_of(Line("here:1", one)) for one in fields]


def pod(cpu=1000, memory=1024, count=0, milli=0, spec=""):
    values = ("p", cpu, memory, count, milli, spec)
    row = dict(zip(POD_FIELDS, map(str, values), strict=True))
    return openb.pod_of(Line("pods:2", row))


def world(*rows):
    columns = Columns()
    for one in nodes(*rows):
        columns.put(one)
    return World(columns)


def workload(name, wanted):
    return Workload(
        name=name, project="openb", containers=openb.CONTAINERS, resources=wanted.resources
    )


def taken(columns):
    """Return what is held of each node's GPUs."""
    return {
        one: sorted(hold.milli for there in columns.assigned(one) for hold in there.held)
        for one in columns.ids()
    }


# --- what arrives -------------------------------------------------------------------------


def test_pods_come_shuffled_each_once_and_are_then_drawn_again():
    pods = [Pod(Resources(cpu_milli=at), 10) for at in range(20)]
    came = list(arrivals(pods, 7, 1000))
    assert len(came) == 100
    assert sorted(one.resources.cpu_milli for one in came[:20]) == list(range(20))
    assert came[:20] != pods
    assert set(came[20:]) <= set(pods)
    assert came == list(arrivals(pods, 7, 1000))
    assert came != list(arrivals(pods, 8, 1000))


def test_the_pod_that_would_ask_for_more_than_the_load_ends_it():
    pods = [Pod(Resources(), 1000), Pod(Resources(), 300)]
    for seed in range(20):
        came = list(arrivals(pods, seed, 2600))
        asked = sum(one.gpu_milli for one in came)
        assert 2600 - 1000 < asked <= 2600
        endless = arrivals(pods, seed, 10**9)
        following = next(itertools.islice(endless, len(came), None))
        assert asked + following.gpu_milli > 2600


def test_pods_are_put_in_order_by_name_before_they_are_shuffled(folder):
    first = openb.measure(folder, "tiny", "random", 2)
    name = "openb_pod_list_tiny.csv"
    (folder / name).write_text(text_of(POD_FIELDS, PODS[::-1]))
    assert openb.measure(folder, "tiny", "random", 2) == first


# --- what fits ----------------------------------------------------------------------------


@pytest.mark.parametrize("place", [pack, best_fit, at_random])
def test_a_share_is_of_one_gpu_and_whole_ones_are_fully_free(place):
    fleet = world(("n", 64000, 65536, 2, "T4"))
    chance = random.Random(1)
    assert place(fleet, workload("a", pod(count=1, milli=600)), chance)
    assert place(fleet, workload("b", pod(count=1, milli=600)), chance)
    assert not place(fleet, workload("c", pod(count=1, milli=600)), chance)
    assert not place(fleet, workload("d", pod(count=1, milli=1000)), chance)
    assert place(fleet, workload("e", pod(count=1, milli=400)), chance)
    assert taken(fleet.columns) == {"n": [400, 600, 600]}


@pytest.mark.parametrize("place", [pack, best_fit, at_random])
def test_processors_memory_and_the_model_are_hard(place):
    fleet = world(("n", 4000, 4096, 4, "T4"))
    chance = random.Random(1)
    assert not place(fleet, workload("a", pod(cpu=4001)), chance)
    assert not place(fleet, workload("b", pod(memory=4097)), chance)
    assert not place(fleet, workload("c", pod(count=1, milli=1000, spec="P100|V100M16")), chance)
    assert place(fleet, workload("d", pod(4000, 4096, 1, 1000, "P100|T4")), chance)


def test_best_fit_goes_where_least_is_left():
    fleet = world(("a", 64000, 65536, 4, "T4"), ("b", 8000, 16384, 1, "T4"))
    assert best_fit(fleet, workload("w", pod(count=1, milli=1000)), random.Random(1))
    assert taken(fleet.columns) == {"a": [], "b": [1000]}


def test_giving_a_gpu_out_twice_is_an_error():
    fleet = world(("n", 8000, 16384, 1, "T4"))
    assert pack(fleet, workload("w", pod(count=1, milli=600)), random.Random(1))
    openb._check(fleet.columns)
    one = fleet.columns.assigned("n")[0]
    fleet.columns.reserve(dataclasses.replace(one, id="w-1", workload="v"))
    with pytest.raises(BenchError, match="a GPU of n is overcommitted"):
        openb._check(fleet.columns)
    more = dataclasses.replace(one, id="x-0", held=(), resources=Resources(cpu_milli=9000))
    fleet.columns.reserve(more)
    with pytest.raises(BenchError, match="CPU is overcommitted"):
        openb._check(fleet.columns)


# --- the experiment -----------------------------------------------------------------------


@pytest.mark.parametrize("policy", openb.POLICIES)
def test_what_fits_nowhere_is_dropped_and_the_run_goes_on(policy):
    # Four GPUs: 5,200 thousandths arrive. One pod in two asks for a model that nobody has.
    pods = [pod(count=1, milli=1000), pod(count=1, milli=1000, spec="P100")]
    found = openb.run(nodes(("n", 64000, 65536, 4, "T4")), pods, policy, 42)
    came = list(arrivals(pods, 42, 5200))
    assert len(came) == 5
    fitting = [not one.resources.devices[0].expressions for one in came]
    assert found == {100: 25.0 * sum(fitting[:4]), 130: 25.0 * min(4, sum(fitting))}


def test_the_load_of_100_is_when_so_much_has_been_asked_for():
    pods = [pod(count=1, milli=500)]
    found = openb.run(nodes(("n", 64000, 65536, 2, "T4")), pods, "skerry", 42)
    assert found == {100: 100.0, 130: 100.0}


def test_rows_have_the_keys_that_are_promised(folder, capsys):
    published = [("openb_pod_list_tiny", "06-FGD", "10", "95.2", "0.1", "95.4", "0.2")]
    other = [("openb_pod_list_other", "06-FGD", "10", "1", "1", "1", "1")]
    fields = ("workload", "policy", "n", *openb._MEASURED)
    (folder / "published.csv").write_text(text_of(fields, published + other))
    arguments = ["--data", str(folder), "--pods", "tiny", "--seeds", "2", "-o", "json"]
    assert openb.main(arguments) == 0
    rows = json.loads(capsys.readouterr().out)
    assert [(row["policy"], row["source"], row["seeds"]) for row in rows] == [
        ("06-FGD", "published", 10),
        *((policy, "measured", 2) for policy in openb.POLICIES),
    ]
    assert rows[0]["allocation_100"] == 95.2
    for row in rows:
        assert row["trace"] == "tiny"
        assert 0 < row["allocation_100"] <= 100
        assert row["allocation_130"] <= 100
        assert row["deviation_130"] is not None


def test_nodes_without_a_gpu_do_not_count_and_lists_may_be_packed(folder, capsys):
    plain = openb.measure(folder, "tiny", "skerry", 1)
    for name in (openb.NODES, "openb_pod_list_tiny.csv"):
        path = folder / name
        (folder / f"{name}.xz").write_bytes(lzma.compress(path.read_bytes()))
        path.unlink()
    assert openb.measure(folder, "tiny", "skerry", 1) == plain
    # Six GPUs of which whole ones and halves are asked for: all of them are filled.
    assert plain.allocation_130 > 80
    assert openb.main(["--data", str(folder), "--pods", "tiny", "--seeds", "1", "-o", "table"]) == 0
    assert "trace" in capsys.readouterr().out


# --- errors -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        (openb.NODES, None, "neither openb_node_list_gpu_node.csv nor"),
        ("openb_pod_list_tiny.csv", None, "neither openb_pod_list_tiny.csv nor"),
        (openb.NODES, "sn,gpu\nn,1\n", "has no column cpu_milli, memory_mib, model"),
        (openb.NODES, "sn,cpu_milli,memory_mib,gpu,model\nn,1000,1,x,T4\n", ":2: gpu is 'x'"),
        (openb.NODES, "sn,cpu_milli,memory_mib,gpu,model\nn,-1000,1,1,T4\n", "is '-1000'"),
        (openb.NODES, "sn,cpu_milli,memory_mib,gpu,model\nn,1000,1,0,T4\n", "no node has a GPU"),
        (
            "openb_pod_list_tiny.csv",
            text_of(POD_FIELDS, [PODS[3]]),
            "no pod asks for one",
        ),
        (
            "openb_pod_list_tiny.csv",
            text_of(POD_FIELDS, [PODS[0], ("p", 1, 1, 2, 500, "")]),
            ":3: 2 GPUs of 500 thousandths cannot be asked for",
        ),
    ],
)  # fmt: skip
def test_what_is_wrong_with_the_data_is_said_with_its_place(folder, capsys, name, content, said):
    (folder / name).unlink()
    if content is not None:
        (folder / name).write_text(content)
    assert openb.main(["--data", str(folder), "--pods", "tiny", "--seeds", "1"]) == 1
    told = capsys.readouterr().err
    assert said in told
    assert "Traceback" not in told


def test_a_packed_list_that_is_cut_off_is_told(folder, capsys):
    packed = lzma.compress((folder / openb.NODES).read_bytes())
    (folder / openb.NODES).unlink()
    (folder / f"{openb.NODES}.xz").write_bytes(packed[:-20])
    assert openb.main(["--data", str(folder), "--pods", "tiny", "--seeds", "1"]) == 1
    assert "cannot be read" in capsys.readouterr().err


def test_no_seeds_are_refused(folder, capsys):
    with pytest.raises(SystemExit):
        openb.main(["--data", str(folder), "--seeds", "0"])
    assert "--seeds must be at least 1" in capsys.readouterr().err


def test_a_list_without_a_column_of_models_takes_any_model():
    row = {"name": "p", "cpu_milli": "1", "memory_mib": "1", "num_gpu": "1", "gpu_milli": "500"}
    pod = openb.pod_of(openb.Line("pods.csv:2", row))
    assert pod.gpu_milli == 500
    assert pod.resources.devices[0].expressions == ()
