"""The child that asks NVIDIA's library, against libraries compiled here that act like it.

No machine with an NVIDIA GPU was at hand: the real library was never loaded by these tests. What
they rest on is this contract, written down from NVIDIA's public header nvml.h (driver 535):

- nvmlReturn_t is an int enumeration: SUCCESS 0, NOT_SUPPORTED 3, NO_PERMISSION 4, NOT_FOUND 6,
  DRIVER_NOT_LOADED 9, IRQ_ISSUE 11, FUNCTION_NOT_FOUND 13, GPU_IS_LOST 15, RESET_REQUIRED 16,
  LIB_RM_VERSION_MISMATCH 18. nvmlErrorString(nvmlReturn_t) returns const char *.
- nvmlDevice_t is a pointer. The header maps names to versions: nvmlInit -> nvmlInit_v2,
  nvmlDeviceGetCount -> _v2(unsigned *),
  nvmlDeviceGetHandleByIndex -> _v2(unsigned, nvmlDevice_t *),
  nvmlDeviceGetPciInfo -> _v3(nvmlDevice_t, nvmlPciInfo_t *),
  nvmlDeviceGetAttributes -> _v2(nvmlDevice_t, nvmlDeviceAttributes_t *).
- nvmlSystemGetDriverVersion(char *, unsigned length), at most 80 bytes;
  nvmlDeviceGetName(nvmlDevice_t, char *, unsigned length), at most 96 bytes.
- nvmlPciInfo_t: char busIdLegacy[16]; unsigned domain, bus, device, pciDeviceId, pciSubSystemId;
  char busId[32]: 68 bytes. Of version 2 the first 36 bytes are the same, 52 in all.
- nvmlMemory_t: unsigned long long total, free, used (24 bytes), through nvmlDeviceGetMemoryInfo.
- nvmlDeviceGetMigMode(nvmlDevice_t, unsigned *current, unsigned *pending), 1 when MIG is on;
  nvmlDeviceGetMaxMigDeviceCount(nvmlDevice_t, unsigned *);
  nvmlDeviceGetMigDeviceHandleByIndex(nvmlDevice_t, unsigned, nvmlDevice_t *), NOT_FOUND for holes.
- nvmlDeviceAttributes_t: eight unsigned (multiprocessors; shared copy, decoder, encoder, JPEG and
  OFA engines; GPU instance slices; compute instance slices), unsigned long long memorySizeMB: 40.
- The name of a MIG device ends in `MIG` and its profile.
"""

import ctypes
import dataclasses
import json
import os
import pathlib
import select
import shutil
import subprocess
import sys
import time

import pytest

from skerry_agent.host import Host
from skerry_agent.slow import nvml_child
from skerry_agent.slow.looks import SlowLooks
from skerry_agent.slow.table import NVML
from skerry_wire.hardware import Hardware, PciFunction

COMPILER = shutil.which("cc") or shutil.which("gcc")
compiled = pytest.mark.skipif(COMPILER is None, reason="no C compiler is here to build a library")

HEADER = """
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
typedef struct device *nvmlDevice_t;
typedef struct { char busIdLegacy[16]; unsigned domain, bus, device, pciDeviceId, pciSubSystemId;
                 char busId[32]; } nvmlPciInfo_t;
typedef struct { unsigned long long total, free, used; } nvmlMemory_t;
typedef struct { unsigned multiprocessorCount, sharedCopyEngineCount, sharedDecoderCount,
                 sharedEncoderCount, sharedJpegCount, sharedOfaCount, gpuInstanceSliceCount,
                 computeInstanceSliceCount; unsigned long long memorySizeMB;
} nvmlDeviceAttributes_t;
_Static_assert(sizeof(nvmlPciInfo_t) == 68, "nvmlPciInfo_t");
_Static_assert(sizeof(nvmlMemory_t) == 24, "nvmlMemory_t");
_Static_assert(sizeof(nvmlDeviceAttributes_t) == 40, "nvmlDeviceAttributes_t");
#define GPU(n) ((nvmlDevice_t)(0x100000000ul + (n)))
#define PART(n) ((nvmlDevice_t)(0x200000000ul + (n)))
static int is_part(nvmlDevice_t d) { return (unsigned long)d >> 32 == 2; }
static unsigned number(nvmlDevice_t d) { return (unsigned)(unsigned long)d; }
static int put(char *to, unsigned length, const char *text) {
  if (strlen(text) >= length) return 7;
  strcpy(to, text);
  return 0;
}
"""

OLD = """
int nvmlInit_v2(void) { return 0; }
int nvmlDeviceGetCount_v2(unsigned *n) { *n = 2; return 0; }
int nvmlDeviceGetHandleByIndex_v2(unsigned i, nvmlDevice_t *d) { *d = GPU(i); return 0; }
"""
"""What a library of the first years has of what is asked."""

WORDS = """
const char *nvmlErrorString(int code) { return code == 15 ? "GPU is lost" : "Driver Not Loaded"; }
"""

PCI = """
int nvmlDeviceGetPciInfo_v3(nvmlDevice_t d, nvmlPciInfo_t *info) {
  memset(info, 0xff, sizeof *info);
  info->domain = number(d) ? 0x10 : 0;
  info->bus = number(d) ? 0xb3 : 0x65;
  info->device = number(d) ? 0x1f : 0;
  return 0;
}
"""

WHOLE = (
    OLD
    + WORDS
    + PCI
    + """
int nvmlSystemGetDriverVersion(char *to, unsigned length) { return put(to, length, "535.54.03"); }
int nvmlDeviceGetName(nvmlDevice_t d, char *to, unsigned length) {
  if (!is_part(d)) return put(to, length, number(d) ? "NVIDIA GB10" : "NVIDIA A100 80GB PCIe");
  if (number(d) == 0) return put(to, length, "NVIDIA A100 80GB PCIe MIG 3g.40gb");
  if (number(d) == 2) return put(to, length, "NVIDIA A100 80GB PCIe MIG 1c.2g.20gb");
  return 3;
}
int nvmlDeviceGetMemoryInfo(nvmlDevice_t d, nvmlMemory_t *memory) {
  if (number(d)) return 3;
  memory->total = 85899345920ull;
  memory->free = memory->used = 1;
  return 0;
}
int nvmlDeviceGetMigMode(nvmlDevice_t d, unsigned *current, unsigned *pending) {
  if (number(d)) return 3;
  *current = *pending = 1;
  return 0;
}
int nvmlDeviceGetMaxMigDeviceCount(nvmlDevice_t d, unsigned *n) { *n = 7; return 0; }
int nvmlDeviceGetMigDeviceHandleByIndex(nvmlDevice_t d, unsigned i, nvmlDevice_t *part) {
  if (i == 1 || i > 3) return 6;
  *part = PART(i);
  return 0;
}
int nvmlDeviceGetAttributes_v2(nvmlDevice_t d, nvmlDeviceAttributes_t *told) {
  memset(told, 0, sizeof *told);
  told->gpuInstanceSliceCount = told->computeInstanceSliceCount = 1;
  told->memorySizeMB = 9728;
  return 0;
}
"""
)
"""Two GPUs: one that is split, with a hole among its parts and one that has no name; and one that
shares the box's memory."""

FIRST = {
    "address": "0000:65:00.0",
    "name": "NVIDIA A100 80GB PCIe",
    "memory_bytes": 80 * 2**30,
    "partitions": ["1c.2g.20gb", "1g.10gb", "3g.40gb"],
}
SECOND = {
    "address": "0010:b3:1f.0",
    "name": "NVIDIA GB10",
    "memory_bytes": None,
    "partitions": [],
}


@pytest.fixture
def library(tmp_path):
    """Builds a library from C and returns its path."""

    def build(source, *options):
        code, place = tmp_path / "nvml_child.c", tmp_path / nvml_child.LIBRARY
        code.write_text(HEADER + source)
        words = [COMPILER, "-shared", "-fPIC", *options, "-o", place, code]
        built = subprocess.run(words, capture_output=True, text=True, timeout=60)
        assert built.returncode == 0, built.stderr
        return place

    return build


def asked(place):
    """Return what the child answers of a library."""
    ended = subprocess.run([*NVML.child, place], capture_output=True, text=True, timeout=20, env={})
    assert (ended.returncode, ended.stderr) == (0, "")
    return json.loads(ended.stdout)


@compiled
def test_two_gpus_one_split_and_one_without_memory_of_its_own(library):
    assert asked(library(WHOLE)) == {
        "driver_version": "535.54.03",
        "gpus": [FIRST, SECOND],
        "lost": None,
    }


@compiled
def test_an_old_library_lacks_functions_and_is_asked_for_what_it_has(library):
    source = OLD + PCI.replace("_v3", "_v2").replace("sizeof *info", "52")
    nothing = {"name": None, "memory_bytes": None, "partitions": []}
    assert asked(library(source)) == {
        "driver_version": None,
        "gpus": [
            {"address": "0000:65:00.0", **nothing},
            {"address": "0010:b3:1f.0", **nothing},
        ],
        "lost": None,
    }


@compiled
def test_a_library_that_is_no_nvml_says_which_function_is_missing(library):
    assert asked(library("")) == {"error": "nvmlInit_v2: is missing in this library"}


def test_no_library(tmp_path):
    assert "is not installed" in asked(tmp_path / "none")["error"]


@compiled
@pytest.mark.parametrize(
    ("words", "told"), [(WORDS, "driver not loaded"), ("", "error 9")], ids=["words", "no words"]
)
def test_a_driver_that_is_not_loaded_is_said_in_words(library, words, told):
    source = "int nvmlInit_v2(void) { return 9; }" + words
    assert asked(library(source)) == {"error": f"nvmlInit_v2: {told}"}


@compiled
def test_a_gpu_that_is_lost_is_told_and_the_other_found(library):
    source = WHOLE.replace("*d = GPU(i); return 0;", "*d = GPU(i); return i ? 0 : 15;")
    answer = asked(library(source))
    assert answer["gpus"] == [SECOND]
    assert answer["lost"] == "nvmlDeviceGetHandleByIndex_v2: gpu is lost"


@compiled
def test_a_gpu_that_may_not_be_asked_is_not_lost(library):
    source = WHOLE.replace("*d = GPU(i); return 0;", "*d = GPU(i); return i ? 0 : 4;")
    answer = asked(library(source))
    assert (answer["gpus"], answer["lost"]) == ([SECOND], None)


@compiled
def test_a_library_that_makes_things_up_is_bounded(library):
    source = WHOLE.replace("*n = 2;", "*n = 4000000000u;").replace("*n = 7;", "*n = ~0u;")
    assert len(asked(library(source))["gpus"]) == nvml_child.MAX_GPUS


@pytest.mark.parametrize(
    ("total_mib", "memory_mib", "gb"),
    [
        (40960, 4864, 5),
        (40960, 9856, 10),
        (40960, 19968, 20),
        (81920, 9728, 10),
        (81920, 40448, 40),
        (143771, 16384, 18),
        (143771, 71424, 71),
        (None, 9728, 10),
    ],
)
def test_a_profile_is_named_after_its_share_of_the_memory(total_mib, memory_mib, gb):
    total = None if total_mib is None else total_mib * 2**20
    assert nvml_child._profile_gb(memory_mib, total) == gb


def test_the_layouts_are_those_of_the_header():
    assert ctypes.sizeof(nvml_child.PciInfo) == 68
    assert nvml_child.PciInfo.domain.offset == 16
    assert ctypes.sizeof(nvml_child.MemoryInfo) == 24
    assert ctypes.sizeof(nvml_child.Attributes) == 40
    assert nvml_child.Attributes.memory_mib.offset == 32


def test_nothing_that_identifies_a_gpu_for_ever_is_asked_for():
    source = pathlib.Path(nvml_child.__file__).read_text()
    assert "GetUUID" not in source
    assert "GetSerial" not in source


# --- under the slow look ---------------------------------------------------------------------


@pytest.fixture
def look(tree):
    """Takes the slow look with a library and returns the answer."""
    tree.write("proc/sys/kernel/random/boot_id", "boot-1").write("dev/nvidiactl")
    host = Host(tree.root, live=True)

    def take(place, time_limit_s=10.0, python=sys.executable):
        child = (python, *NVML.child[1:], str(place))
        row = dataclasses.replace(NVML, child=child, time_limit_s=time_limit_s)
        looks = SlowLooks(host, None, looks=(row,))
        looks.settle(Hardware())
        for due in looks.due():
            looks.look(due)
        return looks.answers["nvml"]

    return take


@compiled
def test_the_answer_is_understood(library, look):
    answer = look(library(WHOLE))
    assert answer.status.status == "found"
    assert answer.values.driver_version == "535.54.03"
    assert [gpu.address for gpu in answer.values.gpus] == ["0000:65:00.0", "0010:b3:1f.0"]
    assert answer.values.gpus[0].partitions == ("1c.2g.20gb", "1g.10gb", "3g.40gb")


@compiled
def test_a_library_that_hangs_is_killed_with_what_it_started(library, look, tmp_path):
    source = OLD.replace(
        "*n = 2;", f'if (!fork()) {{ chdir("{tmp_path}"); for (;;) pause(); }} for (;;) pause();'
    )
    started = time.monotonic()
    answer = look(library(source), time_limit_s=1.5)
    assert time.monotonic() - started < 8
    assert answer.status.reason == "the child process took too long"
    assert not [pid for pid in os.listdir("/proc") if pid.isdigit() and _in(pid, tmp_path)]


def _in(pid, folder):
    try:
        return os.readlink(f"/proc/{pid}/cwd") == str(folder)
    except OSError:
        return False


@compiled
def test_a_library_that_crashes_is_a_failure(library, look):
    answer = look(library(OLD.replace("*n = 2;", "raise(SIGSEGV);")))
    assert answer.status.reason == "the child process ended with status -11"


@compiled
def test_a_library_that_cannot_be_loaded_is_a_failure(look, tmp_path):
    place = tmp_path / nvml_child.LIBRARY
    place.write_bytes(b"\x7fELF, or not")
    assert "is not installed, or cannot be loaded" in look(place).status.reason


@compiled
def test_what_a_library_prints_is_no_part_of_the_answer(library, look):
    source = WHOLE.replace("*n = 2;", '*n = 2; write(1, "NVRM: hello\\n", 12);')
    assert look(library(source)).status.status == "found"


@compiled
def test_a_gpu_comes_and_the_library_is_asked_again(library, tree, tmp_path):
    place = library(WHOLE)
    tree.write("proc/sys/kernel/random/boot_id", "boot-1")
    row = dataclasses.replace(NVML, child=(*NVML.child, str(place)))
    looks = SlowLooks(Host(tree.root, live=True), tmp_path / "cache", looks=(row,))
    gpu = PciFunction(
        address="0000:65:00.0", vendor="10de", device="20b5", class_="030200", driver="nvidia"
    )
    looks.settle(Hardware())
    assert looks.due() == ()
    assert looks.answers["nvml"].status.status == "absent"
    looks.settle(Hardware(pci=(gpu,)))
    assert looks.due() == (row,)
    looks.look(row)
    looks.settle(Hardware(pci=(gpu,)))
    assert looks.due() == ()
    looks.settle(Hardware(pci=(gpu, dataclasses.replace(gpu, address="0010:b3:1f.0"))))
    assert looks.due() == (row,)
    looks.settle(Hardware())
    assert looks.answers["nvml"].values is None


def test_it_ends_with_the_agent_even_when_that_is_killed(tmp_path):
    fifo = tmp_path / "libnvidia-ml.so.1"  # to load it waits for ever
    os.mkfifo(fifo)
    program = (
        "import subprocess, sys\n"
        "subprocess.Popen([sys.executable, '-I', *sys.argv[1:]])\n"
        "sys.stdin.read()\n"
    )
    parent = subprocess.Popen(
        [sys.executable, "-c", program, nvml_child.__file__, fifo], stdin=subprocess.PIPE
    )
    try:
        end = _opened_by_its_reader(fifo)
    finally:
        parent.kill()
        parent.communicate()
    poll = select.poll()
    poll.register(end, 0)
    assert poll.poll(10_000), "nobody holds the other end any more"
    os.close(end)


def _opened_by_its_reader(fifo):
    """Return the end to write to, once there is somebody who reads."""
    deadline = time.monotonic() + 20
    while True:
        try:
            return os.open(fifo, os.O_WRONLY | os.O_NONBLOCK)
        except OSError:
            assert time.monotonic() < deadline
            time.sleep(0.01)
