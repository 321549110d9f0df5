"""Plans in files: what was asked for, what comes of it, and what an apply is held to."""

from __future__ import annotations

import json
import os
import pathlib
import time
from typing import Any

from skerry_cli.failures import Failure
from skerry_cli.records import Plan, read

FORMAT = 1
MAX_BYTES = 32 * 1024 * 1024


def save(name: str, body: Any, answer: Any, hub: str) -> None:
    """Write a plan, for its owner alone: compose files hold secrets. Raises Failure."""
    if read(Plan, answer).basis is None:
        raise Failure(f"{hub} is an older hub: its plans cannot be applied from a file")
    content = {
        "plan": FORMAT,
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
        raise Failure(f"{name}: {error.strerror or error}") from None


def load(name: str) -> dict[str, Any]:
    """Return the body of the apply that does what a plan says. Raises Failure."""
    try:
        with pathlib.Path(name).open("rb") as file:
            data = file.read(MAX_BYTES + 1)
    except OSError as error:
        raise Failure(f"{name}: {error.strerror or error}") from None
    if len(data) > MAX_BYTES:
        raise Failure(f"{name}: is larger than {MAX_BYTES >> 20} MiB")
    try:
        content = json.loads(data)
    except (ValueError, RecursionError):
        content = None
    if not isinstance(content, dict) or "plan" not in content:
        raise Failure(f"{name}: is no plan that `skerry plan --out` wrote")
    if content["plan"] != FORMAT:
        reason = f"is of format {str(content['plan'])[:20]}, and this version reads {FORMAT}"
        raise Failure(f"{name}: {reason}")
    request, answer = content.get("request"), content.get("answer")
    basis = answer.get("basis") if isinstance(answer, dict) else None
    if not isinstance(request, dict) or not isinstance(basis, dict):
        raise Failure(f"{name}: is damaged: it has no request, or no basis")
    return {**request, "basis": basis}
