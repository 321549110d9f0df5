"""What the C library keeps of the memory that is free."""

import pathlib
import platform
import resource

import pytest

from skerry_agent import heap

BLOCKS, BLOCK_BYTES = 20_000, 2_000


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="another C library")
def test_what_is_free_below_what_is_not_is_given_back():
    blocks = [b"x" * (BLOCK_BYTES - number % 2) for number in range(BLOCKS)]
    del blocks[:-1]
    before = resident_bytes()
    heap.give_back()
    assert before - resident_bytes() > BLOCKS * BLOCK_BYTES / 2
    assert blocks[0].startswith(b"xx")


def resident_bytes():
    pages = int(pathlib.Path("/proc/self/statm").read_text().split()[1])
    return pages * resource.getpagesize()
