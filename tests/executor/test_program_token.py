"""Tokens of programs: there and back, and what can be read of a damaged one."""

import pytest

from skerry_executor.lease import Process
from skerry_executor.runtimes.program_token import ProgramToken, parse


@pytest.mark.parametrize("process", [None, Process(pid=12, started=34)])
def test_there_and_back(process):
    token = ProgramToken("box/skerry-1", process)
    assert parse(str(token)) == token


@pytest.mark.parametrize("text", ["abc x y", "abc 1", "abc 1 2 3", "abc -1 2"])
def test_of_a_damaged_one_the_name_is_read(text):
    assert parse(text) == ProgramToken("abc")
