"""The slow looks: whatever a child does, it ends, it is said, and it harms no other look."""

import dataclasses
import json
import sys
import time

import pytest

from skerry_agent.capability import CpuinfoValues
from skerry_agent.host import Host
from skerry_agent.slow.looks import ENVIRONMENT, MOST_TRIES, RETRY_S, SlowLooks, read_slow
from skerry_agent.slow.table import CPUINFO, NVML, SLOW_LOOKS
from skerry_wire.hardware import Hardware, PciFunction, ProbeStatus

GOOD = {"brand": "A Processor", "flags": ["avx2", "avx"]}
VALUES = CpuinfoValues(brand="A Processor", flags=("avx", "avx2"))
NOTHING = Hardware()
NO_PROGRAM = ("/no/such/program",)


def child(code):
    return (sys.executable, "-c", code)


def saying(text):
    return child(f"print({text!r})")


SAYING_GOOD = saying(json.dumps(GOOD))


class Clock:
    """Both clocks of a box: the wall's and the one that never jumps."""

    def __init__(self):
        self.now = 1000.0

    def __call__(self):
        return self.now


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def box(tree):
    """A live host with a boot id, whose child processes are real."""
    tree.write("proc/sys/kernel/random/boot_id", "boot-1")
    return Host(tree.root, live=True)


@pytest.fixture
def looks(box, tmp_path, clock):
    """Builds the slow looks of the box with other children."""

    def build(command=SAYING_GOOD, *, key="", cache=tmp_path / "cache", time_limit_s=5.0):
        row = dataclasses.replace(
            CPUINFO, child=command, time_limit_s=time_limit_s, key=lambda host, hardware: key
        )
        return SlowLooks(box, cache, looks=(row,), clock_s=clock, mono_s=clock)

    return build


def taken(looks, *, again=False):
    """Take every look that is due, and return how py-cpuinfo's went."""
    looks.settle(NOTHING)
    for look in looks.due(again=again):
        looks.look(look)
    return looks.answers.get("cpuinfo")


def test_a_good_answer(looks):
    answer = taken(looks())
    assert (answer.status, answer.values) == (ProbeStatus(status="found"), VALUES)


@pytest.mark.parametrize(
    ("command", "reason"),
    [
        (child("import time; time.sleep(60)"), "took too long"),
        (child("import os; os.kill(os.getpid(), 11)"), "status -11"),
        (child("import sys; sys.exit(3)"), "status 3"),
        (saying(""), "nonsense"),
        (saying("nonsense"), "nonsense"),
        (saying("[1]"), "nonsense"),
        (saying("[" * 60_000), "nonsense"),
        (saying(json.dumps({"brand": 5, "flags": []})), "nonsense"),
        (saying(json.dumps({"brand": "x", "flags": ["a"] * 5000})), "nonsense"),
        (saying(json.dumps({"brand": "x", "flags": ["a" * 500]})), "nonsense"),
        (saying(json.dumps({"brand": "x"})), "nonsense"),
        (saying(json.dumps({"error": "the driver is not loaded"})), "the driver is not loaded"),
        (child("while True: print('x' * 65536)"), "more than"),
        (NO_PROGRAM, "could not be started"),
    ],
)
def test_hang_crash_and_nonsense_are_failures(looks, command, reason):
    answer = taken(looks(command, time_limit_s=1.5))
    assert answer.status.status == "failed"
    assert reason in answer.status.reason
    assert answer.values is None


def test_what_the_child_started_ends_with_it(looks, tmp_path):
    code = f"""
import pathlib, subprocess, time
pathlib.Path({str(tmp_path / "pid")!r}).write_text(str(subprocess.Popen(['sleep', '60']).pid))
time.sleep(60)
"""
    assert taken(looks(child(code), time_limit_s=1.5)).status.status == "failed"
    pid = (tmp_path / "pid").read_text()
    deadline = time.monotonic() + 10
    while (state := Host("/").text(f"/proc/{pid}/stat")) and ") Z" not in state:
        assert time.monotonic() < deadline, state  # it was killed, and dies once it gets a turn
        time.sleep(0.01)


def test_a_child_gets_nothing_of_the_agents_environment(looks):
    code = "import json, os; print(json.dumps({'brand': None, 'flags': sorted(os.environ)}))"
    assert set(taken(looks(child(code))).values.flags) <= {"PATH", "LC_ALL", "LC_CTYPE"}


def test_a_look_that_raises_is_a_failure(looks):
    def broken(told):
        raise RuntimeError("a bug")

    built = looks()
    built._looks = tuple(dataclasses.replace(row, values_of=broken) for row in built._looks)
    assert taken(built).status.reason == "RuntimeError: a bug"


def test_one_look_that_fails_takes_nothing_from_another(box):
    good = dataclasses.replace(CPUINFO, child=SAYING_GOOD)
    for first, second in (("a", "b"), ("b", "a")):
        rows = {
            "a": dataclasses.replace(good, name="a", child=child("import os; os.abort()")),
            "b": dataclasses.replace(good, name="b"),
        }
        looks = SlowLooks(box, None, looks=(rows[first], rows[second]))
        taken(looks)
        assert looks.answers["a"].status.status == "failed"
        assert looks.answers["b"].values == VALUES


# --- what is kept ---------------------------------------------------------------------------


def test_an_answer_is_kept_for_this_boot_and_not_for_the_next(looks, tree):
    built = looks(NO_PROGRAM)
    built.settle(NOTHING)
    assert built.answers == {}
    taken(looks())
    restarted = looks(NO_PROGRAM)
    restarted.settle(NOTHING)
    assert restarted.answers["cpuinfo"].values == VALUES, "it is there without a look"
    assert restarted.due(again=True) == ()
    tree.write("proc/sys/kernel/random/boot_id", "boot-2")
    assert taken(looks(NO_PROGRAM)).values is None


def test_another_key_is_looked_at_again_and_the_old_value_is_kept_where_that_fails(looks, clock):
    taken(looks(key="one gpu"))
    clock.now = 2000.0
    failed = taken(looks(NO_PROGRAM, key="two gpus"))
    assert failed.values == VALUES
    assert failed.status.status == "failed"
    assert failed.status.kept_from == 1000.0
    found = taken(looks(key="two gpus"))
    assert found.status == ProbeStatus(status="found")


def test_a_look_with_nothing_to_look_at_is_absent_and_forgets(looks, tmp_path):
    taken(looks(key="one gpu"))
    built = looks(key=None)
    answer = taken(built)
    assert (answer.status.status, answer.values) == ("absent", None)
    assert built.due(again=True) == ()
    built._looks = (dataclasses.replace(built._looks[0], child=NO_PROGRAM, key=lambda *_: "new"),)
    assert taken(built).values is None, "what came later is no heir of what went"


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\xff",
        b"[]",
        b'{"boot_id": "boot-1"}',
        b"[" * 9999,
        b'{"boot_id": "boot-1", "cpuinfo": 3}',
        b'{"boot_id": "boot-1", "cpuinfo": {"key": "", "read_at": 1.0, "values": {"brand": 1}}}',
        b'{"boot_id": "boot-1", "cpuinfo": {"key": 0, "read_at": 1.0, "values": {"flags": []}}}',
        b'{"boot_id": "boot-1", "cpuinfo": {"key": "", "read_at": NaN, "values": {"flags": []}}}',
    ],
)
def test_a_damaged_cache_is_none(looks, tmp_path, content):
    (tmp_path / "cache").write_bytes(content)
    built = looks()
    built.settle(NOTHING)
    assert built.answers == {}
    assert taken(built).values == VALUES


def test_a_cache_that_is_no_file_is_none(looks, tmp_path):
    (tmp_path / "cache").mkdir()
    assert taken(looks()).values == VALUES


def test_a_failure_is_not_kept(looks, tmp_path):
    taken(looks(NO_PROGRAM))
    assert not (tmp_path / "cache").exists()


def test_a_cache_that_cannot_be_written_is_no_failure(looks, tmp_path):
    assert taken(looks(cache=tmp_path / "no" / "folder" / "cache")).values == VALUES


# --- when it is tried again -----------------------------------------------------------------


def test_a_look_that_failed_is_not_tried_at_every_quick_look(looks, clock):
    built = looks(NO_PROGRAM)
    taken(built)
    built.settle(NOTHING)
    assert built.due() == ()
    assert len(built.due(again=True)) == 1
    clock.now += RETRY_S
    assert len(built.due()) == 1


def test_trying_again_has_an_end(looks, clock):
    built = looks(NO_PROGRAM)
    tries = 0
    for _ in range(3 * MOST_TRIES):
        tries += len(built.due()) if tries else 1
        taken(built)
        clock.now += RETRY_S
    assert tries == MOST_TRIES


# --- answers that do not hold for ever ------------------------------------------------------

GPU_HERE = {"gpus": [{"address": "0000:65:00.0", "partitions": []}]}
GPU_LOST = {"gpus": [], "lost": "gpu is lost"}


@pytest.fixture
def gpus(box, tmp_path, clock):
    """Builds looks at GPUs; the child says what the file `gpus` holds when it is asked."""
    told = tmp_path / "gpus"

    def build(key="one gpu"):
        row = dataclasses.replace(
            NVML, child=child(f"print(open({str(told)!r}).read())"), key=lambda *_: key
        )
        return SlowLooks(box, tmp_path / "cache", looks=(row,), clock_s=clock, mono_s=clock)

    build.say = lambda answer: told.write_text(json.dumps(answer))
    build.say(GPU_HERE)
    return build


def lost(looks, *, again=False):
    """Settle, take what is due; return how many that were and whether a GPU is said to be lost."""
    looks.settle(NOTHING)
    due = looks.due(again=again)
    for look in due:
        looks.look(look)
    return len(due), looks.answers["nvml"].values.lost


def test_a_gpu_that_is_lost_later_is_seen(gpus, clock):
    looks = gpus()
    assert lost(looks) == (1, None)
    gpus.say(GPU_LOST)
    clock.now += NVML.holds_s - 1
    assert lost(looks) == (0, None)
    clock.now += 1
    assert lost(looks) == (1, "gpu is lost")


def test_a_gpu_that_was_lost_is_asked_for_until_it_is_back(gpus, clock):
    gpus.say(GPU_LOST)
    looks = gpus()
    for _ in range(2 * MOST_TRIES):
        assert lost(looks) == (1, "gpu is lost")
        assert lost(looks) == (0, "gpu is lost")
        clock.now += RETRY_S
    gpus.say(GPU_HERE)
    assert lost(looks) == (1, None)
    clock.now += RETRY_S
    assert lost(looks) == (0, None)


def test_that_a_gpu_was_lost_is_not_kept_over_a_restart(gpus):
    gpus.say(GPU_LOST)
    lost(gpus())
    gpus.say(GPU_HERE)
    assert lost(gpus(), again=True) == (1, None)
    gpus.say(GPU_LOST)
    assert lost(gpus(), again=True) == (0, None), "that it is there is kept"


def test_a_lost_gpu_in_a_file_of_an_older_agent_is_not_believed(gpus, tmp_path):
    held = {"key": "one gpu", "read_at": 1.0, "values": GPU_LOST}
    (tmp_path / "cache").write_text(json.dumps({"boot_id": "boot-1", "nvml": held}))
    assert lost(gpus()) == (1, None)


def test_an_answer_from_the_file_holds_no_longer_than_another(gpus, clock):
    lost(gpus())
    restarted = gpus()
    gpus.say(GPU_LOST)
    assert lost(restarted) == (0, None)
    clock.now += NVML.holds_s
    assert lost(restarted) == (1, "gpu is lost")


def test_where_asking_again_fails_that_stays_said_and_what_was_known_is_kept(gpus, clock):
    looks = gpus()
    lost(looks)
    gpus.say({"error": "driver not loaded"})
    clock.now += NVML.holds_s
    assert lost(looks) == (1, None)
    for _ in range(2):
        answer = looks.answers["nvml"]
        assert (answer.status.reason, answer.status.kept_from) == ("driver not loaded", 1000.0)
        assert len(answer.values.gpus) == 1
        assert lost(looks) == (0, None)
    tries = 1
    for _ in range(3 * MOST_TRIES):
        clock.now += NVML.holds_s
        tries += lost(looks)[0]
    assert tries == MOST_TRIES
    gpus.say(GPU_HERE)
    assert lost(looks, again=True) == (1, None)
    assert looks.answers["nvml"].status == ProbeStatus(status="found")


def test_a_processor_is_asked_for_once(looks, clock):
    built = looks()
    taken(built)
    clock.now += 1e6
    built.settle(NOTHING)
    assert built.due(again=True) == ()


# --- the real rows --------------------------------------------------------------------------


def test_a_recorded_box_runs_nothing(tree):
    answers = read_slow(tree.host, NOTHING, None, wait=True)
    assert {name: answer.status.status for name, answer in answers.items()} == {
        "cpuinfo": "absent",
        "nvml": "absent",
    }


def test_a_command_that_does_not_wait_says_what_was_not_read(box):
    answers = read_slow(box, NOTHING, None, wait=False)
    assert set(answers) == {look.name for look in SLOW_LOOKS}
    assert "--slow" in answers["cpuinfo"].status.reason
    assert answers["nvml"].status.reason == NVML.absent


def test_the_real_child_knows_this_processor():
    answer = read_slow(Host("/"), NOTHING, None, wait=True)["cpuinfo"]
    assert answer.status.status == "found", answer
    assert answer.values.flags


def nvidia(address, **values):
    given = {"vendor": "10de", "device": "20b0", "class_": "030200", "driver": "nvidia", **values}
    return PciFunction(address=address, **given)


def test_nvml_is_asked_only_where_nvidias_driver_holds_a_gpu(tree):
    tree.write("proc/driver/nvidia/version", "NVRM version: NVIDIA 535.54.03")
    key = NVML.key
    for other in ({"driver": "vfio-pci"}, {"driver": None}, {"vendor": "1002"}):
        assert key(tree.host, Hardware(pci=(nvidia("0000:65:00.0", **other),))) is None
    assert key(tree.host, Hardware(pci=(nvidia("0000:65:00.1", class_="040300"),))) is None
    assert key(tree.host, Hardware(pci=(nvidia("0000:65:00.0"),))) is not None


def test_nvml_is_asked_where_there_is_a_node_of_its_driver_alone(tree):
    tree.write("dev/nvidiactl")
    assert NVML.key(tree.host, NOTHING) is not None


def test_nvml_is_asked_again_when_gpus_driver_or_partitions_change(tree):
    one = Hardware(pci=(nvidia("0000:65:00.0"),))
    keys = [NVML.key(tree.host, one)]
    tree.write("proc/driver/nvidia/version", "NVRM version: NVIDIA 535.54.03\nGCC version: 12")
    keys.append(NVML.key(tree.host, one))
    keys.append(NVML.key(tree.host, Hardware(pci=(*one.pci, nvidia("0000:b3:00.0")))))
    tree.write("proc/driver/nvidia/capabilities/gpu0/mig/gi1/ci0/access")
    keys.append(NVML.key(tree.host, one))
    assert len(set(keys)) == len(keys)
    assert NVML.key(tree.host, one) == keys[-1]


GPU = {"address": "0000:65:00.0", "name": "A", "memory_bytes": 1024, "partitions": []}


def test_an_answer_of_nvml_is_sorted():
    told = {"gpus": [{**GPU, "address": "0000:b3:00.0"}, {**GPU, "partitions": ["b", "a"]}]}
    values = NVML.values_of(told)
    assert [gpu.address for gpu in values.gpus] == ["0000:65:00.0", "0000:b3:00.0"]
    assert values.gpus[0].partitions == ("a", "b")


@pytest.mark.parametrize(
    "wrong",
    [
        {"address": "65:00.0"},
        {"address": "/etc/passwd"},
        {"address": None},
        {"name": 5},
        {"name": "x" * 1000},
        {"memory_bytes": -1},
        {"memory_bytes": True},
        {"memory_bytes": 1.5},
        {"memory_bytes": 2**60},
        {"partitions": None},
        {"partitions": [1]},
        {"partitions": ["a"] * 1000},
    ],
)
def test_a_gpu_that_cannot_be_is_nonsense(wrong):
    assert NVML.values_of({"gpus": [GPU]}) is not None
    assert NVML.values_of({"gpus": [{**GPU, **wrong}]}) is None


@pytest.mark.parametrize(
    "told", [{}, {"gpus": 1}, {"gpus": [1]}, {"gpus": [GPU] * 100}, {"gpus": [], "lost": []}]
)
def test_an_answer_of_nvml_that_cannot_be_is_nonsense(told):
    assert NVML.values_of(told) is None


def test_the_environment_of_a_child_names_no_library():
    assert set(ENVIRONMENT) == {"PATH", "LC_ALL"}
