"""`skerry snapshot`: saves everything that placement decides from, for `skerry simulate`."""

from __future__ import annotations

import contextlib
import os
import pathlib
import sys
from typing import IO, cast

import click

from skerry_cli.failures import Failure
from skerry_cli.hub import path
from skerry_cli.session import Session, anywhere

EXAMPLES = """\b
It holds all nodes with their hardware, labels and taints, all workloads with what is in their
files (environments, too), and all documents: keep it as you keep those.
\b
Examples:
  skerry snapshot > fleet.json
  skerry snapshot --out fleet.json.xz
  skerry simulate --fleet fleet.json.xz --workloads shop.yaml
"""


@click.command(epilog=EXAMPLES)
@click.option(
    "--out",
    metavar="FILE",
    type=click.Path(),
    help="Write it there, once it is whole; .gz and .xz are packed.",
)
@anywhere
@click.pass_context
def snapshot(ctx: click.Context, /, out: str | None) -> None:
    """Save everything that placement decides from, as one JSON document."""
    session: Session = ctx.obj
    if out is None and sys.stdout.isatty():
        raise click.UsageError("a snapshot is large: name a file with --out, or write > FILE")
    hub = session.connect()
    if out is None:
        hub.download(path("snapshot"), sys.stdout.buffer.write)
        sys.stdout.buffer.flush()
        return
    target = pathlib.Path(out)
    part = target.with_name(f".{target.name}.{os.getpid()}")
    try:
        with contextlib.ExitStack() as stack:
            raw = stack.enter_context(
                open(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb")
            )
            hub.download(path("snapshot"), stack.enter_context(_packed(raw, target.suffix)).write)
        part.replace(target)
    except OSError as error:
        raise Failure(f"{out}: {error.strerror or error}") from None
    finally:
        part.unlink(missing_ok=True)


def _packed(raw: IO[bytes], suffix: str) -> IO[bytes]:
    """Return what packs into a file, by the end of its name."""
    if suffix == ".gz":
        import gzip  # noqa: PLC0415

        return cast(IO[bytes], gzip.GzipFile(fileobj=raw, mode="wb", compresslevel=6))
    if suffix == ".xz":
        import lzma  # noqa: PLC0415

        return cast(IO[bytes], lzma.LZMAFile(raw, mode="wb", preset=3))
    return raw
