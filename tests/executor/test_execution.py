"""What is told of a program that podman could not run."""

import pytest

from skerry_executor.runtimes.base import Written
from skerry_executor.runtimes.execution import Telling

WHY = Written("err", b'Error: runc: exec failed: exec: "/bin/nosuch": no such file or directory\n')
OWN = Written(
    "err",
    b"Error: read unixpacket @->/proc/self/fd/15/attach: read: connection reset by peer\n",
)
"""Both as podman 4.3 sends them, each in a frame of its own."""
MORE = Written("out", b"more\n")


@pytest.mark.parametrize(
    ("written", "status", "told"),
    [
        ((WHY, OWN), 127, [WHY]),
        ((WHY, OWN), 126, [WHY]),
        ((WHY, OWN), 0, [WHY, OWN]),
        ((OWN, MORE), 127, [OWN, MORE]),
        ((Written("out", OWN.data),), 127, [Written("out", OWN.data)]),
    ],
)
def test_what_podman_says_of_itself_is_not_told(written, status, told):
    found = []
    telling = Telling(found.append)
    for one in written:
        telling.tell(one)
    telling.ended(status)
    assert found == told
