"""The operators' reference of compose keys, from the same table that files are read by. Pure."""

from __future__ import annotations

from skerry_hub.workloads.file_keys import FILE_TABLES
from skerry_hub.workloads.keys import (
    BIND,
    DEPLOY,
    DEVICE,
    FILE,
    HEALTH,
    LIMITS,
    MOUNT,
    PLACEMENT,
    PORT,
    PREFERENCE,
    RESERVATIONS,
    RESERVED_DEVICE,
    RESOURCES,
    SERVICE,
    VOLUME,
    Keys,
)
from skerry_hub.workloads.kubernetes.keys import ELSEWHERE
from skerry_hub.workloads.kubernetes.keys import TABLES as KUBERNETES_TABLES
from skerry_hub.workloads.lifecycle_keys import LIFECYCLE_TABLES
from skerry_hub.workloads.x_placement_keys import X_TABLES

TABLES: tuple[tuple[str, Keys], ...] = (
    ("", FILE),
    ("services.<name>", SERVICE),
    ("services.<name>.ports[]", PORT),
    ("services.<name>.volumes[]", MOUNT),
    ("services.<name>.volumes[].bind", BIND),
    ("services.<name>.devices[]", DEVICE),
    ("services.<name>.healthcheck", HEALTH),
    ("services.<name>.deploy", DEPLOY),
    ("services.<name>.deploy.resources", RESOURCES),
    ("services.<name>.deploy.resources.limits", LIMITS),
    ("services.<name>.deploy.resources.reservations", RESERVATIONS),
    ("services.<name>.deploy.resources.reservations.devices[]", RESERVED_DEVICE),
    ("services.<name>.deploy.placement", PLACEMENT),
    ("services.<name>.deploy.placement.preferences[]", PREFERENCE),
    *LIFECYCLE_TABLES,
    FILE_TABLES[0],
    *((f"services.<name>.x-placement{below}", keys) for below, keys in X_TABLES),
    ("volumes.<name>", VOLUME),
    *FILE_TABLES[1:],
)
"""Where each kind of mapping stands in a file."""

_HEAD = """\
# Keys of compose files

Made from `hub/skerry_hub/workloads/keys.py`, `lifecycle_keys.py`, `file_keys.py` and
`x_placement_keys.py` by `docs/generate.py`; do not edit. What the keys become is told in
[compose.md](../compose.md).

A key that starts with `x-` is accepted and ignored wherever a mapping has fixed keys, except for
those that are listed here. Every other key is refused by name and line, and so is any key that
the specification does not know.
"""


def reference() -> str:
    """Return the document, in Markdown."""
    return "\n".join([_HEAD, *(chapter(path, keys) for path, keys in TABLES)])


_KUBERNETES_HEAD = """\
# Keys of Kubernetes manifests

Made from `hub/skerry_hub/workloads/kubernetes/keys.py` and `pod_keys.py` by `docs/generate.py`; do
not edit. What the keys become is told in [kubernetes.md](../kubernetes.md). Every other key is
refused by name and line, and so is every other kind. A refused key is taken at the value at which
it changes nothing, where that is told.
"""


def kubernetes_reference() -> str:
    """Return the same of Kubernetes manifests."""
    rows = [f"| {kind} | {_cell(why or 'not supported')} |" for kind, why in ELSEWHERE.items()]
    kinds = [
        "## Refused kinds",
        "",
        "| kind | why, or what to do instead |",
        "|---|---|",
        *rows,
        "",
    ]
    return "\n".join([_KUBERNETES_HEAD, *(chapter(*one) for one in KUBERNETES_TABLES), *kinds])


def chapter(path: str, keys: Keys) -> str:
    """Return the table of one kind of mapping; an empty path is the whole file."""
    lines = [f"## {f'`{path}`' if path else 'The file'}", "", "| key | meaning |", "|---|---|"]
    lines += [f"| `{key}` | {_cell(meaning)} |" for key, meaning in sorted(keys.supported.items())]
    if keys.refused:
        lines += ["", "Refused:", "", "| key | why, or what to do instead |", "|---|---|"]
        lines += [f"| `{key}` | {_cell(_refusal(keys, key))} |" for key in sorted(keys.refused)]
    return "\n".join([*lines, ""])


def _refusal(keys: Keys, key: str) -> str:
    why = keys.refused[key] or "not supported"
    return f"{why}; `{keys.usual[key]}` is taken" if key in keys.usual else why


def _cell(text: str) -> str:
    return text.replace("|", "\\|")
