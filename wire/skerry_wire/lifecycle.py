"""How instances live on a node: jobs, leases, switches to another revision, files and secrets."""

from __future__ import annotations

import hashlib
from typing import Annotated, Literal

from skerry_wire.frozen import frozen
from skerry_wire.schema import Items, OrBase64, Range, Sparse, Text
from skerry_wire.types import ByteCount, InstanceId, Line, Name, Short

MAX_SEALED_BYTES = 48 * 1024
MAX_FILE_BYTES = 64 * 1024
"""Most bytes of one file that travels within an order."""

Path = Annotated[str, Text(1024, r"/[^\x00]*")]
Owner = Annotated[int, Range(0, 2**31 - 1)]

SealingKey = Annotated[bytes, Items(32)]
"""The public X25519 key, of a box's executor, to which secrets for the box are sealed."""


def fingerprint_of(key: bytes) -> str:
    """Return what people compare of a sealing key: half of its SHA-256, in hexadecimal."""
    return hashlib.sha256(key).hexdigest()[:32]


@frozen(kw_only=True)
class Sealed:
    """A secret that only the node which it is for can open.

    `name` and `version` tell one secret from another without telling anything of its content;
    `box` is a libsodium sealed box for the node's own key. It is empty where the secret is only
    named, as in what an operator asks for.
    """

    name: Name
    version: Annotated[str, Text(32, "[0-9a-f]*"), Sparse()] = ""
    box: Annotated[bytes, Items(MAX_SEALED_BYTES), Sparse()] = b""


@frozen(kw_only=True)
class File:
    """A file that the container finds at `path`: its content in plain, or a secret."""

    path: Path
    content: Annotated[bytes, Items(MAX_FILE_BYTES), OrBase64()] = b""
    secret: Annotated[Sealed, Sparse()] | None = None
    mode: Annotated[int, Range(0, 0o777)] = 0o400
    uid: Owner = 0
    gid: Owner = 0


@frozen(kw_only=True)
class After:
    """Another container of the instance that must have come so far before this one starts."""

    container: Name
    condition: Literal["started", "healthy", "completed"] = "started"


@frozen(kw_only=True)
class LogLimits:
    """How much of what a container writes the runtime keeps on the box."""

    max_bytes: Annotated[int, Range(4096, 2**40)] = 10 * 2**20
    files: Annotated[int, Range(1, 100)] = 1


@frozen(kw_only=True)
class HttpProbe:
    """A GET request that a healthy container answers with 200 to 399."""

    port: Annotated[int, Range(1, 65535)]
    path: Annotated[str, Text(1024, "/[^\\s\\x00]*")] = "/"
    scheme: Literal["http", "https"] = "http"
    """The certificate of https is not verified: it is the container's own."""


@frozen(kw_only=True)
class TcpProbe:
    """A port on which a healthy container takes connections."""

    port: Annotated[int, Range(1, 65535)]


@frozen(kw_only=True)
class Job:
    """An instance that runs to completion: every container ends with exit status 0.

    Where one fails, all are begun again, `retries` times at most. `deadline_s` is the most that one
    run may take, its retries included. With a `schedule` (five fields as of cron, in UTC) it runs
    again and again, never twice at once.
    """

    retries: Annotated[int, Range(0, 1000)] = 3
    deadline_s: Annotated[float, Range(1, 366 * 86400)] | None = None
    schedule: Annotated[str, Text(128)] = ""


@frozen(kw_only=True)
class Lease:
    """The instance runs only while the hub renews this: `duration_s` after the last time it ends.

    The box itself ends it, by a clock that counts from its start and nobody sets.
    """

    duration_s: Annotated[float, Range(15, 7 * 86400)]


@frozen(kw_only=True)
class Switch:
    """How a node changes an instance to another revision.

    The new one must come up within `deadline_s` and stay up, and healthy where it has a health
    check, for `settle_s`. Else the node goes back to what ran before, unless `rollback` is off.
    """

    settle_s: Annotated[float, Range(0, 86400)] = 0.0
    deadline_s: Annotated[float, Range(1, 86400)] = 300.0
    rollback: bool = True


@frozen(kw_only=True)
class UpdateStatus:
    """What became, on its node, of the revision that an instance shall have and does not run."""

    revision: Annotated[str, Text(64, "[0-9a-f]{8,64}")]
    state: Literal["waiting", "held", "switching", "rolled_back", "failed", "unknown"]
    """`held`: the box holds it back; `rolled_back`: tried, and what was before runs again."""
    reason: Annotated[str, Text(1024)] = ""


@frozen(kw_only=True)
class PullStatus:
    """How far the pull of an image is, by its full name; 0 bytes where the runtime does not tell.

    They count from nothing with each try.
    """

    image: Annotated[str, Text(1024)]
    done_bytes: ByteCount = 0


@frozen(kw_only=True)
class JobStatus:
    """How a job goes: the runs that were begun and how the last one ended."""

    runs: Annotated[int, Range(0, 2**32 - 1)] = 0
    attempts: Annotated[int, Range(0, 2**32 - 1)] = 0
    """Of the newest run."""
    succeeded: bool | None = None
    """The newest run that ended; None before."""
    next_at: Annotated[float, Range(0, 2**40)] | None = None


@frozen(kw_only=True)
class Usage:
    """What a container uses now. `cpu_s` counts from its start."""

    container: Short
    cpu_s: Annotated[float, Range(0, 2**40)] = 0.0
    memory_bytes: ByteCount = 0
    processes: Annotated[int, Range(0, 2**31 - 1)] | None = None


@frozen(kw_only=True)
class InstanceUsage:
    """What a container of an instance uses. `cpu_milli`: thousandths of a processor, just now."""

    instance: InstanceId
    usage: Usage
    cpu_milli: Annotated[float, Range(0, 2**40)] | None = None


@frozen(kw_only=True)
class Usages:
    """The answer to `top`: every container that runs. `failures` say of which nothing is known."""

    containers: Annotated[tuple[InstanceUsage, ...], Items(2048)] = ()
    failures: Annotated[tuple[Line, ...], Items(16)] = ()
