"""Writes the reference documents from the code, or (--check) says which are out of step.

usage: python docs/generate.py [--check]
"""

from __future__ import annotations

import json
import os
import pathlib
import sys
from collections.abc import Iterator

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "packaging"))

import click
from prometheus_client import Counter, Gauge, Histogram

import manual.__main__
import manual.commands
from manual.commands import Command, Option
from skerry_cli.main import cli
from skerry_hub import broker_access, document_reference, metrics, mosquitto_conf, views
from skerry_hub import main as hub_main
from skerry_hub.api import app
from skerry_hub.workloads import x_placement_schema
from skerry_hub.workloads.reference import kubernetes_reference, reference
from skerry_wire import (
    approval,
    asyncapi,
    capability,
    jsonschema,
    lifecycle,
    messages,
    order_keys,
    session,
)

FOLDER = pathlib.Path(__file__).resolve().parent / "reference"
EXAMPLES = FOLDER.parents[1] / "packaging" / "examples"
WIDTH = 100

VIEWS = {
    "hubPresence": views.HubPresence,
    "nodeView": views.NodeView,
    "nodeViewEvent": views.EventView,
    "workloadView": views.WorkloadView,
}
"""What the hub publishes as JSON, by the name of its channel."""

MESSAGES = (
    messages.Presence,
    capability.Capability,
    messages.Heartbeat,
    messages.Report,
    messages.Event,
    messages.Reply,
    messages.LeaseRequest,
    messages.Request,
    messages.Targets,
    messages.Envelope,
    messages.Order,
    messages.Grant,
    messages.InstanceRequest,
    order_keys.KeyChanges,
    order_keys.KeyChange,
    approval.Approval,
    approval.ApprovedContent,
    lifecycle.Usages,
    session.SessionInput,
    session.SessionOutput,
)
"""What travels between nodes and hub.

What stands beside Envelope is signed within one, a KeyChange within one of KeyChanges.
Requests about instances, and answers, are sealed.
"""


def documents() -> dict[str, str]:
    """Return each document's text by its file name."""
    return {
        "agent.md": programs("agent", *manual.__main__.programs()),
        "asyncapi.json": _json(asyncapi.document(VIEWS)),
        "cli.md": commands(),
        "compose.md": reference(),
        "documents.md": document_reference.reference(),
        "hub.md": programs("hub/skerry_hub", manual.commands.read(hub_main.parser())),
        "kubernetes.md": kubernetes_reference(),
        "messages.schema.json": _json(message_schemas()),
        "metrics.md": metrics_table(),
        "openapi.json": _json(app.openapi_document()),
        "x-placement.schema.json": _json(x_placement_schema.schema()),
    }


def examples() -> dict[str, str]:
    """Return the text of each example that follows from the code, by its file name."""
    return {
        "mosquitto.access": broker_access.mosquitto_acl(("dashboard",)),
        "mosquitto.conf": mosquitto_conf.whole(),
    }


def _json(content: object) -> str:
    return json.dumps(content, indent=2) + "\n"


def message_schemas() -> dict[str, object]:
    """Return the JSON Schema of every message, under `$defs` by its name."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Messages between nodes and hub",
        "description": "The maps that the msgpack of each message holds.",
        "$defs": jsonschema.definitions(MESSAGES, ref="#/$defs/"),
    }


def commands() -> str:
    """Return the help of every command of the command line."""
    text = ["# Commands of `skerry`", "", _made_from("hub/skerry_cli")]
    for context in _contexts(cli, "skerry", None):
        words = context.command.get_help(context).rstrip()
        text += ["", f"## {context.command_path}", "", "```", words, "```"]
    return "\n".join(text) + "\n"


def programs(place: str, *found: Command) -> str:
    """Return what each command of programs takes, as tables."""
    names = " and ".join(f"`{one.name}`" for one in found)
    lines = [f"# Commands of {names}", "", _made_from(place)]
    for program in found:
        for one in manual.commands.every(program):
            words = one.description or f"{one.summary}."
            lines += ["", f"## {one.name}", "", words[:1].upper() + words[1:]]
            taken = [one for one in (*one.arguments, *one.options) if "--help" not in one.flags]
            if taken:
                lines += ["", "| | |", "|---|---|", *map(_row, taken)]
            if one.epilog and (one is program or one.epilog != program.epilog):
                lines += ["", "```", one.epilog.strip(), "```"]
    return "\n".join(lines) + "\n"


def _row(option: Option) -> str:
    shown = ", ".join(f"`{flag}`" for flag in option.flags or (option.metavar,))
    value = f" `{option.metavar}`" if option.flags and option.metavar else ""
    cells = (one.replace("|", "\\|") for one in (f"{shown}{value}", option.words))
    return f"| {' | '.join(cells)} |"


def _contexts(
    command: click.Command, name: str, parent: click.Context | None
) -> Iterator[click.Context]:
    context = command.make_context(
        name, [], parent, resilient_parsing=True, terminal_width=WIDTH, max_content_width=WIDTH
    )
    yield context
    if isinstance(command, click.Group):
        for below in command.list_commands(context):
            found = command.get_command(context, below)
            if found is not None:
                yield from _contexts(found, below, context)


def metrics_table() -> str:
    """Return what Prometheus is told, as a table."""
    lines = ["# Metrics of the hub", "", _made_from("hub/skerry_hub/metrics.py"), ""]
    lines += ["| name | type | labels | meaning |", "|---|---|---|---|"]
    for metric in vars(metrics).values():
        if not isinstance(metric, Counter | Gauge | Histogram):
            continue
        (family,) = metric.describe()
        suffix = "_total" if family.type == "counter" else ""
        # What a metric is labelled with is told nowhere else before it has a first value.
        labels = ", ".join(f"`{label}`" for label in metric._labelnames)
        meaning = family.documentation
        lines.append(f"| `{family.name}{suffix}` | {family.type} | {labels} | {meaning} |")
    return "\n".join(lines) + "\n"


def _made_from(place: str) -> str:
    return f"Made from `{place}` by `docs/generate.py`; do not edit."


def main(arguments: list[str]) -> int:
    """Write or compare; the exit status is 1 when something is out of step."""
    check = arguments == ["--check"]
    # What is a default by somebody's environment is none of the document's.
    for name in [name for name in os.environ if name.startswith("SKERRY_")]:
        del os.environ[name]
    found = {FOLDER / name: text for name, text in documents().items()}
    found |= {EXAMPLES / name: text for name, text in examples().items()}
    stale = [path for path, text in found.items() if _content(path) != text]
    if check and stale:
        print(
            f"out of step: {', '.join(path.name for path in stale)}; run python docs/generate.py",
            file=sys.stderr,
        )
        return 1
    FOLDER.mkdir(exist_ok=True)
    for path in stale:
        path.write_text(found[path])
        print(f"wrote {path}")
    return 0


def _content(path: pathlib.Path) -> str | None:
    return path.read_text() if path.exists() else None


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
