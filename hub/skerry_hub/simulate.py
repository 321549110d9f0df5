"""What `skerry simulate` runs: files in, the plan out; found by its entry point.

It answers as the API does, with a status and plain JSON, so that the command line shows both alike.
The only module of the simulation that opens files and looks at the clock.
"""

from __future__ import annotations

import contextlib
import gzip
import io
import lzma
import pathlib
import sys
import time
import zlib
from collections.abc import Iterator
from typing import IO, Any, cast

from skerry_hub.api.apply_files import asked_for
from skerry_hub.api.requests import ApplyRequest
from skerry_hub.planning import Wish
from skerry_hub.simulating import Question, simulate
from skerry_hub.snapshot_reading import Fleet, FleetError, read_fleet
from skerry_hub.views import Problem
from skerry_hub.work import RefusedError
from skerry_wire import codec
from skerry_wire.errors import WireError

CHUNK = 256 * 1024
STDIN = "-"


def run(
    fleet: str,
    body: Any,
    *,
    workload: str | None = None,
    node: str | None = None,
    most: int = 20,
) -> tuple[int, Any]:
    """Return a status of HTTP and a plain answer: a Simulation, or Problems.

    `fleet` is the path of a file, `body` an ApplyRequest's JSON; `workload` is to be explained.
    """
    try:
        wish = _wish(codec.from_plain(ApplyRequest, body, strict=True))
        read = read_file(fleet)
        question = None if workload is None else Question(workload=workload, node=node, most=most)
        found = simulate(read, wish, time.time(), question)
    except WireError as error:
        return 400, _problems(Problem(reason=error.reason, field=error.field or None))
    except FleetError as error:
        return 400, _problems(error.problem)
    except RefusedError as error:
        return error.status, _problems(*error.problems)
    return 200, codec.to_plain(found, nulls=True)


def _wish(request: ApplyRequest) -> Wish:
    return asked_for(request) if request.files or request.workloads else Wish()


def _problems(*problems: Problem) -> Any:
    return {"problems": [codec.to_plain(one, nulls=True) for one in problems]}


def read_file(path: str) -> Fleet:
    """Return the fleet of a file, also one packed by gzip or xz. Raises FleetError."""
    name = "stdin" if path == STDIN else path
    try:
        with contextlib.ExitStack() as stack:
            data = sys.stdin.buffer if path == STDIN else stack.enter_context(_opened(path))
            text = io.TextIOWrapper(data, encoding="utf-8")
            try:
                return read_fleet(_chunks(text), name)
            finally:
                if path == STDIN:
                    text.detach()
    except (EOFError, lzma.LZMAError, zlib.error, gzip.BadGzipFile) as error:
        reason = f"is damaged, or not packed as its name says: {error}"
        raise FleetError(Problem(reason=reason, file=name)) from None
    except OSError as error:
        raise FleetError(Problem(reason=error.strerror or str(error), file=name)) from None


def _opened(path: str) -> IO[bytes]:
    match pathlib.PurePath(path).suffix:
        case ".gz":
            return cast(IO[bytes], gzip.open(path, "rb"))
        case ".xz":
            return lzma.open(path, "rb")
    return pathlib.Path(path).open("rb")


def _chunks(text: io.TextIOWrapper) -> Iterator[str]:
    while chunk := text.read(CHUNK):
        yield chunk
