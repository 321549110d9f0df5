"""Plans in files: what was asked for, what comes of it, and what an apply is held to."""

from __future__ import annotations

import json
import os
import pathlib
import time
from collections.abc import Mapping
from typing import Any, Literal

from skerry_cli.failures import Exit, Failure

Of = Literal["apply", "rebalance"]
COMMANDS: Mapping[str, str] = {
    "apply": "skerry apply --plan",
    "rebalance": "skerry rebalance --apply",
}
"""What carries out a plan of which kind."""
MADE_BY: Mapping[Of, str] = {"apply": "skerry plan --out", "rebalance": "skerry rebalance --out"}
FORMAT = 1
MAX_BYTES = 32 * 1024 * 1024


def save(name: str, body: Any, answer: Any, hub: str, of: Of = "apply") -> None:
    """Write a plan, for its owner alone: compose files hold secrets. Raises Failure."""
    if not isinstance(answer, dict) or not isinstance(answer.get("basis"), dict):
        raise Failure(f"{hub} is an older hub: its plans cannot be applied from a file")
    content = {
        "plan": FORMAT,
        "of": of,
        "made_at": round(time.time(), 3),
        "hub": hub,
        "request": body,
        "answer": answer,
    }
    path = pathlib.Path(name)
    part = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        with open(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            json.dump(content, file, indent=1)
            file.write("\n")
        part.replace(path)
    except OSError as error:
        part.unlink(missing_ok=True)
        raise Failure(f"{name}: {error.strerror or error}", Exit.USAGE) from None


def load(name: str) -> dict[str, Any]:
    """Return the body of the apply that does what a plan says. Raises Failure."""
    request, answer = saved(name, "apply")
    return {**request, "basis": answer["basis"]}


def saved(name: str, of: Of) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return what was asked for, and the hub's answer with its basis. Raises Failure."""
    content = _content(name, of)
    found = content.get("of", "apply")
    if found != of:
        command = COMMANDS.get(found) if isinstance(found, str) else None
        if command is None:
            raise Failure(
                f"{name}: is of another version of skerry: of {str(found)[:20]!r}", Exit.USAGE
            )
        raise Failure(
            f"{name}: is made for `{command} {name}`, not for `{COMMANDS[of]}`", Exit.USAGE
        )
    request, answer = content.get("request"), content.get("answer")
    basis = answer.get("basis") if isinstance(answer, dict) else None
    if not isinstance(request, dict) or not isinstance(answer, dict) or not isinstance(basis, dict):
        raise Failure(f"{name}: is damaged: it has no request, or no basis", Exit.USAGE)
    return request, answer


def _content(name: str, of: Of) -> dict[str, Any]:
    try:
        with pathlib.Path(name).open("rb") as file:
            data = file.read(MAX_BYTES + 1)
    except OSError as error:
        raise Failure(f"{name}: {error.strerror or error}", Exit.USAGE) from None
    if len(data) > MAX_BYTES:
        raise Failure(f"{name}: is larger than {MAX_BYTES >> 20} MiB", Exit.USAGE)
    try:
        content = json.loads(data)
    except (ValueError, RecursionError):
        content = None
    if not isinstance(content, dict) or "plan" not in content:
        raise Failure(f"{name}: is no plan that `{MADE_BY[of]}` wrote", Exit.USAGE)
    if content["plan"] != FORMAT:
        reason = f"is of format {str(content['plan'])[:20]}, and this version reads {FORMAT}"
        raise Failure(f"{name}: {reason}", Exit.USAGE)
    return content
