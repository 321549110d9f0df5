"""Devices that the Container Device Interface offers to runtimes, by fully qualified name.

Generators write specifications in JSON and YAML into a few folders. Of YAML this reads what such
generators write and nothing else: `kind:`, and the `name:` of each of `devices:`. A file in which
these could mean something else is refused, never guessed at. Names that are a GPU's unique number
are left out: the same device is listed by its index too.
"""

from __future__ import annotations

import json
import re

from skerry_agent.host import Host, Unreadable
from skerry_agent.probes.result import Absent, Failed, Found
from skerry_wire.frozen import frozen

FOLDERS = ("/etc/cdi", "/var/run/cdi", "/run/cdi")
MOST_FILES = 64
MOST_DEVICES = 512
MOST_FILE_BYTES = 512 * 1024

_KIND = re.compile(r"[A-Za-z][A-Za-z0-9_.-]{0,62}/[A-Za-z][A-Za-z0-9_.-]{0,62}\Z")
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.:-]{0,127}\Z")
_UNIQUE = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.I)
_KEY = re.compile(r"([A-Za-z_][A-Za-z0-9_./-]*|\"[^\"\\]*\"|'[^']*'):(?:[ ]+(.*))?\Z")
_NO_TEXT = re.compile(
    r"[+-]?[.0-9][0-9a-fA-FxoeE_.:+-]*\Z|(?:null|true|false|yes|no|on|off)\Z", re.I
)
"""What YAML takes for a number, nothing, or yes and no: such a name has to be quoted."""

_PLAIN = re.compile(r"[A-Za-z0-9][A-Za-z0-9_./:-]*(?<!:)\Z")


class _NotUnderstoodError(ValueError):
    pass


@frozen()
class RawSpec:
    """One file: its text, or why there is none."""

    path: str
    text: str | None
    trouble: str | None = None


def read(host: Host) -> tuple[RawSpec, ...]:
    """Collect the texts."""
    found: dict[str, RawSpec] = {}
    for folder in FOLDERS:
        names = host.names(folder)
        if isinstance(names, Unreadable):
            found[folder] = RawSpec(folder, None, names.reason)
        for name in names if isinstance(names, tuple) else ():
            # /var/run is /run on most boxes: one file, not two.
            place = host.target(f"{folder}/{name}") or f"{folder}/{name}"
            if name.endswith((".json", ".yaml")) and len(found) < MOST_FILES:
                found.setdefault(place, _read_spec(host, f"{folder}/{name}"))
    return tuple(found.values())


def _read_spec(host: Host, path: str) -> RawSpec:
    content = host.read(path, MOST_FILE_BYTES)
    if not isinstance(content, bytes):
        reason = content.reason if isinstance(content, Unreadable) else "is not there any more"
        return RawSpec(path, None, reason)
    try:
        return RawSpec(path, content.decode("utf-8"))
    except ValueError:
        return RawSpec(path, None, "is not text")


def parse(raw: tuple[RawSpec, ...]) -> Found[tuple[str, ...]] | Absent | Failed:
    """Understand the texts. What other files tell counts where one is not understood."""
    names: set[str] = set()
    troubles = []
    for spec in raw:
        try:
            names.update(devices_in(spec))
        except _NotUnderstoodError as error:
            troubles.append(f"{spec.path} {error}")
    if names:
        return Found(tuple(sorted(names)[:MOST_DEVICES]), "; ".join(troubles) or None)
    if troubles:
        return Failed("; ".join(troubles))
    return Absent("no folder of CDI holds a device")


def devices_in(spec: RawSpec) -> tuple[str, ...]:
    """Return the fully qualified names in a specification. Raises ValueError with the reason."""
    kind, names = _understood(spec)
    return tuple(f"{kind}={name}" for name in _listed(names))


def offered(host: Host) -> frozenset[str] | None:
    """Return every name that a runtime finds, unique numbers too.

    None where a specification is not understood: nobody can say what is not in it.
    """
    found: set[str] = set()
    try:
        for spec in read(host):
            kind, names = _understood(spec)
            found.update(f"{kind}={name}" for name in names)
    except _NotUnderstoodError:
        return None
    return frozenset(found)


def _listed(names: list[str]) -> list[str]:
    return [name for name in names if not _UNIQUE.search(name)]


def bare(spec: RawSpec) -> str:
    """Return a specification of the same form with the same names, and nothing but these.

    What else stands in one, variables of the environment too, is not for others to see. Raises
    ValueError with the reason.
    """
    kind, every = _understood(spec)
    names = _listed(every)
    if spec.path.endswith(".json"):
        return json.dumps({"kind": kind, "devices": [{"name": name} for name in names]})
    rows = "".join(f'- name: "{name}"\n' for name in names)
    return f'kind: "{kind}"\n' + (f"devices:\n{rows}" if rows else "devices: []\n")


def _understood(spec: RawSpec) -> tuple[str, list[str]]:
    """Return the kind, and the devices' names."""
    if spec.text is None:
        raise _NotUnderstoodError(spec.trouble or "cannot be read")
    kind, devices = (_of_json if spec.path.endswith(".json") else _of_yaml)(spec.text)
    if not isinstance(kind, str) or not _KIND.match(kind):
        raise _NotUnderstoodError("names no kind")
    found = []
    for name in devices:
        if not isinstance(name, str) or not _NAME.match(name):
            raise _NotUnderstoodError("has a device without a name")
        found.append(name)
    return kind, found


def _of_json(text: str) -> tuple[object, list[object]]:
    try:
        told = json.loads(text)
    except (ValueError, RecursionError):
        raise _NotUnderstoodError("is not JSON") from None
    devices = told.get("devices", []) if isinstance(told, dict) else None
    if not isinstance(devices, list):
        raise _NotUnderstoodError("is no specification")
    return told.get("kind"), [one.get("name") if isinstance(one, dict) else None for one in devices]


# --- the part of YAML that generators write ------------------------------------------------


def _of_yaml(text: str) -> tuple[object, list[object]]:
    top: dict[str, list[tuple[int, str]]] = {}
    values: dict[str, str | None] = {}
    section = None
    for indent, row in _rows(text):
        if indent == 0 and not _is_item(row):
            section, value = _key(row)
            if section in top:
                raise _NotUnderstoodError(f"has {section} twice")
            top[section], values[section] = [], value
        elif section is None:
            raise _NotUnderstoodError("does not begin with a key")
        else:
            top[section].append((indent, row))
    for name, value in values.items():
        if value is not None and value[0] in "[{" and not re.match(r"\[\s*\]|\{.*\}\Z", value):
            raise _NotUnderstoodError(f"has {name} in a form that is not understood")
    return _scalar(values.get("kind"), top.get("kind")), _devices(values, top)


def _rows(text: str) -> list[tuple[int, str]]:
    """Return the indentation and text of the lines that say something."""
    found = []
    for number, row in enumerate(text.splitlines()):
        plain = row.lstrip(" ")
        if not plain.strip() or plain.startswith("#") or (number == 0 and plain.strip() == "---"):
            continue
        if plain.startswith(("\t", "---", "...", "%")) and (plain[0] == "\t" or plain == row):
            raise _NotUnderstoodError(f"has a line that is not understood: {number + 1}")
        found.append((len(row) - len(plain), plain.rstrip()))
    return found


def _is_item(row: str) -> bool:
    return row == "-" or row.startswith("- ")


def _key(row: str) -> tuple[str, str | None]:
    match = _KEY.match(row)
    if match is None:
        raise _NotUnderstoodError("has a line that is no key")
    return match[1].strip("\"'"), (match[2] or "").strip() or None


def _scalar(value: str | None, below: list[tuple[int, str]] | None) -> object:
    """Return a text in one of the forms that leave no doubt, None where there is none."""
    if value is None or below:
        return None
    if value[0] in "\"'":
        end = value.find(value[0], 1)
        rest = value[end + 1 :].strip()
        if end < 0 or "\\" in value[:end] or (rest and not rest.startswith("#")):
            raise _NotUnderstoodError("has a text that is not understood")
        return value[1:end]
    value = value.partition(" #")[0].rstrip()
    if not _PLAIN.match(value) or _NO_TEXT.match(value):
        raise _NotUnderstoodError("has a text that is not understood")
    return value


def _devices(values: dict[str, str | None], top: dict[str, list[tuple[int, str]]]) -> list[object]:
    rows = top.get("devices", [])
    value = values.get("devices")
    if value is not None and not value.startswith("#"):
        if rows or not re.match(r"\[\s*\]\Z", value):
            raise _NotUnderstoodError("lists its devices in a form that is not understood")
        return []
    names: list[object] = []
    margin = rows[0][0] if rows else 0
    inside: int | None = None
    for indent, row in rows:
        if indent == margin and _is_item(row):
            names.append(None)
            after = row[1:].lstrip(" ")
            inside = indent + len(row) - len(after) if after else None
            indent, row = inside if inside is not None else indent, after  # noqa: PLW2901
            if not row:
                continue
        if not names or indent <= margin:
            raise _NotUnderstoodError("lists its devices in a form that is not understood")
        inside = indent if inside is None else inside
        if indent < inside:
            raise _NotUnderstoodError("has devices with uneven margins")
        if indent > inside or _is_item(row):
            continue
        key, text = _key(row)
        if key == "name":
            if names[-1] is not None:
                raise _NotUnderstoodError("has a device with two names")
            names[-1] = _scalar(text, None)
    return names
