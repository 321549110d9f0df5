"""Reads the files of an apply, as the API takes them. Their content is the hub's to judge."""

from __future__ import annotations

import base64
import json
import pathlib
import re
import sys
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import click

from skerry_cli.failures import Exit, Failure
from skerry_cli.json_places import NO_FILES, JsonFile, Places, fault_of
from skerry_wire.frozen import frozen

F = TypeVar("F", bound=Callable[..., Any])
MAX_FILE_BYTES = 256 * 1024
"""What a hub takes of one file."""
MAX_CONFIG_BYTES = 64 * 1024
"""What a hub takes of one file of a container."""
MAX_JSON_BYTES = 4 * 1024 * 1024
"""What a hub takes of one request."""
STDIN = "-"


def file_options(command: F) -> F:
    """Let a command take files and their project."""
    command = click.option(
        "-p",
        "--project",
        metavar="NAME",
        help="The project of all files (default: `name:` in the file, then its folder's name).",
    )(command)
    return click.option(
        "-f",
        "--file",
        "files",
        multiple=True,
        metavar="FILE",
        type=click.Path(),
        help="A file: compose, documents, or (*.json) workloads as the API has them; - is "
        "standard input. May be given more than once.",
    )(command)


@frozen()
class Asked:
    """The body of a plan or an apply, and where what it holds was read."""

    body: dict[str, Any]
    places: Places = NO_FILES


def asked_of(files: Sequence[str], project: str | None, *, prune: bool = False) -> Asked:
    """Return what is asked for. Raises Failure naming a file that cannot be read."""
    if not files:
        raise click.UsageError("name at least one file with -f")
    if files.count(STDIN) > 1:
        raise click.UsageError("standard input can be read only once")
    found: list[dict[str, Any]] = []
    workloads: list[Any] = []
    of_json: list[JsonFile] = []
    for name in files:
        given = _workloads(name, len(workloads)) if name.endswith(".json") else None
        if given is None:
            found.append(_file(name, project))
        else:
            of_json.append(given[0])
            workloads += given[1]
    if of_json and not found and not workloads:
        raise Failure(f"{', '.join(one.name for one in of_json)}: holds no workloads", Exit.USAGE)
    body: dict[str, Any] = {"files": found, "prune": prune}
    # Only then: a hub of an earlier version knows no workloads here.
    return Asked({**body, "workloads": workloads} if workloads else body, Places(of_json))


def _workloads(name: str, first: int) -> tuple[JsonFile, list[Any]] | None:
    """Return the workloads of a JSON file; None where it is compose or documents written so."""
    data = _read(name, MAX_JSON_BYTES)
    try:
        text = data.decode(json.detect_encoding(data))
        found = json.loads(text, object_pairs_hook=_once, parse_constant=_no_number)
    except json.JSONDecodeError as error:
        raise Failure(f"{name}:{error.lineno}: is not JSON: {error.msg}", Exit.USAGE) from None
    except _FaultError:
        line, reason = fault_of(text)
        raise Failure(f"{name}:{line}: {reason}", Exit.USAGE) from None
    except (ValueError, RecursionError) as error:
        raise Failure(f"{name}: is not JSON: {error}", Exit.USAGE) from None
    path: str | None = ""
    if isinstance(found, dict) and isinstance(found.get("workloads"), list):
        found, path = found["workloads"], "workloads"
    elif isinstance(found, dict) and "containers" in found:
        found, path = [found], None
    if not isinstance(found, list):
        return None
    return JsonFile(name, text, first, len(found), path), found


class _FaultError(ValueError):
    """What Python's reader takes, and JSON does not: `fault_of` says what, and where."""


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Return an object, of which no key may be given twice: nobody could say which one counts."""
    found = dict(pairs)
    if len(found) < len(pairs):
        raise _FaultError
    return found


def _no_number(_text: str) -> Any:
    raise _FaultError


def _file(name: str, project: str | None) -> dict[str, Any]:
    data = _read(name, MAX_FILE_BYTES)
    try:
        text = data.decode()
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise Failure(f"{name}:{line}: is not UTF-8 text", Exit.USAGE) from None
    where: dict[str, Any] = {"name": "stdin" if name == STDIN else name, "text": text}
    attached = _attached(name, text)
    if attached:
        where["attached"] = attached
    if project is not None:
        return {**where, "project": project, "project_given": True}
    return {**where, "project": _project_of(name)}


def _attached(name: str, text: str) -> dict[str, str]:
    """Return the files that a compose file's configs name, in base64, by the paths there.

    What is wrong with the file itself is the hub's to say.
    """
    if not re.search(r"^configs:", text, re.MULTILINE):
        return {}
    import yaml  # noqa: PLC0415 - takes 20 ms

    try:
        found = yaml.safe_load(text)
    except (yaml.YAMLError, RecursionError, ValueError):
        return {}
    configs = found.get("configs") if isinstance(found, dict) else None
    every = configs.values() if isinstance(configs, dict) else ()
    paths = [one["file"] for one in every if isinstance(one, dict) and "file" in one]
    folder = pathlib.Path.cwd() if name == STDIN else pathlib.Path(name).parent
    return {
        path: base64.b64encode(_read(str(folder / path), MAX_CONFIG_BYTES)).decode()
        for path in paths
        if isinstance(path, str) and path
    }


def _read(name: str, most: int) -> bytes:
    try:
        if name == STDIN:
            data = sys.stdin.buffer.read(most + 1)
        else:
            with pathlib.Path(name).open("rb") as file:
                data = file.read(most + 1)
    except OSError as error:
        raise Failure(f"{name}: {error.strerror or error}", Exit.USAGE) from None
    if len(data) > most:
        raise Failure(f"{name}: is larger than {most >> 10} KiB", Exit.USAGE)
    return data


def _project_of(name: str) -> str:
    """Return the name of the file's folder, as far as a project may be called so."""
    folder = pathlib.Path.cwd() if name == STDIN else pathlib.Path(name).resolve().parent
    letters = re.sub(r"[^a-z0-9-]+", "-", folder.name.lower())
    return letters[:63].strip("-") or "default"
