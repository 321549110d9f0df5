"""The command `skerry-agent`: options, exit statuses, what is printed.

Imports late: each command pays for what it needs alone, and a running agent for nothing else.
"""

from __future__ import annotations

import argparse
import os
import pathlib
import sys
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from skerry_agent import late_modules

if TYPE_CHECKING:
    from skerry_agent.capability import Collected
    from skerry_agent.config import Config
    from skerry_agent.host import Host

EPILOG = """\
settings, each in the file /etc/skerry/agent.toml (or --config), in the environment, or as option;
the later wins:
  broker       SKERRY_AGENT_BROKER       mqtt://host[:1883] or mqtts://host[:8883]
  broker_ca    SKERRY_AGENT_BROKER_CA    and _CERTIFICATE, _KEY: files for mqtts
  node_id      SKERRY_AGENT_NODE_ID      made up at the first start when not given
  state        SKERRY_AGENT_STATE        folder that survives a power cut
  executor     SKERRY_AGENT_EXECUTOR     socket of skerry-executor
  control      SKERRY_AGENT_CONTROL      socket that `skerry-agent status` asks
  heartbeat_s  SKERRY_AGENT_HEARTBEAT_S  seconds between heartbeats, 1 to 3600
  [labels]     (file only)               labels of this node

exit status: 0 fine, 1 something is wrong, 2 wrong usage or settings
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return the exit status."""
    late_modules.load_late()
    parser = _parser()
    parsed = parser.parse_args(arguments)
    if parsed.command is None:
        parser.print_help(sys.stderr)
        return 2
    commands = {
        "run": _run,
        "status": _status,
        "capability": _capability,
        "label": _label,
        "record": _record,
        "check": _check,
        "version": _version,
    }
    from skerry_agent.config import ConfigError  # noqa: PLC0415

    try:
        return commands[parsed.command](parsed)
    except ConfigError as error:
        return _complain(str(error), 2)
    except BrokenPipeError:
        _drop_output()  # whoever read has read enough
        return 0
    except _OutputError as error:
        _drop_output()
        return _complain(f"the output cannot be written: {error}", 1)
    except KeyboardInterrupt:
        return 130


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="skerry-agent",
        description="Tells the hub what this box has and how it is, and has orders carried out.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    commands = parser.add_subparsers(dest="command", metavar="COMMAND")

    def command(name: str, words: str, description: str) -> argparse.ArgumentParser:
        added = commands.add_parser(
            name,
            help=words,
            description=description,
            epilog=EPILOG,
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )
        if name != "version":
            added.add_argument(
                "--config", type=pathlib.Path, metavar="FILE", help="the settings' file"
            )
        return added

    run = command("run", "work until stopped", "Work in the foreground until SIGTERM or Ctrl-C.")
    for name, metavar, words in (
        ("broker", "URL", "where the broker is"),
        ("node-id", "ID", "this box's id, at its first start"),
        ("state", "DIR", "the state folder"),
        ("executor", "PATH", "the executor's socket"),
        ("control", "PATH", "the control socket"),
        ("heartbeat-s", "SECONDS", "time between two heartbeats"),
    ):
        run.add_argument(f"--{name}", metavar=metavar, help=words)
    run.add_argument("-v", "--verbose", action="store_true", help="log more")

    status = command(
        "status",
        "ask the agent that runs on this box",
        "Print how the running agent is. Exit status 1 when none answers.",
    )
    status.add_argument("--control", metavar="PATH", help="the control socket")
    status.add_argument("--json", action="store_true", help="print JSON")

    capability = command(
        "capability",
        "print the hardware of this box, read now",
        "Read the hardware of this box, or of a recorded one, and print it. Needs no agent.",
    )
    capability.add_argument(
        "--root",
        metavar="DIR|FILE.tar",
        help="read a recorded box: a folder, or what `record` made",
    )
    capability.add_argument("--state", metavar="DIR", help="the state folder, for the slow part")
    capability.add_argument("--json", action="store_true", help="print JSON")
    capability.add_argument(
        "--slow", action="store_true", help="wait for the slow part too (about two seconds)"
    )

    label = command(
        "label",
        "set, unset or list the labels of this box",
        "Change the labels that this box gives itself; a running agent publishes them at once. "
        "They win over [labels] of the settings' file, which is read again too. A label is "
        "[PREFIX/]NAME=VALUE as Kubernetes has it; what stands under kubernetes.io/, k8s.io/ and "
        "feature.node.kubernetes.io/ is worked out from the box and cannot be set here.",
    )
    label.add_argument("verb", choices=["set", "unset", "list"], help="what to do")
    label.add_argument(
        "labels", nargs="*", metavar="KEY=VALUE|KEY", help="KEY=VALUE to set, KEY to unset"
    )
    label.add_argument("--state", metavar="DIR", help="the state folder")
    label.add_argument("--control", metavar="PATH", help="the control socket")
    label.add_argument("--json", action="store_true", help="print JSON")

    record = command(
        "record",
        "capture what the probes read here, for a bug report",
        "Write the files that the probes read on this box into FILE.tar (.tar.gz, .tar.xz), "
        "without serial numbers, addresses and names of hosts and users. `capability --root "
        "FILE.tar` reads it anywhere. Look through it before you send it to anybody.",
    )
    record.add_argument(
        "file", metavar="FILE.tar", type=pathlib.Path, help="what to write; - is standard output"
    )
    record.add_argument(
        "--root",
        metavar="DIR|FILE.tar",
        help="record a box that is mounted in this folder, or was recorded",
    )
    record.add_argument("--force", action="store_true", help="replace FILE.tar when it is there")

    check = command(
        "check",
        "say line by line what works and what does not",
        "Look at everything that the agent needs. Exit status 1 when anything is BAD.",
    )
    for name, metavar in (("broker", "URL"), ("state", "DIR"), ("executor", "PATH")):
        check.add_argument(f"--{name}", metavar=metavar, help="in place of the setting")
    command("version", "print the version", "Print the version.")
    return parser


def _config(parsed: argparse.Namespace) -> Config:
    """Return the settings. Raises ConfigError."""
    from skerry_agent import config  # noqa: PLC0415

    names = ("broker", "node_id", "state", "executor", "control", "heartbeat_s")
    options = {name: getattr(parsed, name, None) for name in names}
    return config.from_process(parsed.config, options)


class _OutputError(Exception):
    """What a command says cannot be written where it shall go: a full disk, say."""


def _say(text: str) -> None:
    """Print at once, so that what fails fails here. Raises BrokenPipeError and _OutputError."""
    try:
        print(text, flush=True)
    except BrokenPipeError:
        raise
    except OSError as error:
        raise _OutputError(error.strerror or str(error)) from error


def _drop_output() -> None:
    """Keep Python from complaining when it flushes what is left at its end."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _complain(text: str, status: int) -> int:
    print(f"skerry-agent: {text}", file=sys.stderr)
    return status


def _run(parsed: argparse.Namespace) -> int:
    import logging  # noqa: PLC0415

    from skerry_agent import log  # noqa: PLC0415

    settings = _config(parsed)
    log.start(os.environ, logging.DEBUG if parsed.verbose else logging.INFO)
    from skerry_agent import run  # noqa: PLC0415
    from skerry_agent.journal import JournalError  # noqa: PLC0415

    try:
        run.run(settings)
    except JournalError as error:
        return _complain(str(error), 1)
    return 0


def _status(parsed: argparse.Namespace) -> int:
    from skerry_agent import control, status  # noqa: PLC0415

    path = _config(parsed).control
    try:
        told = control.ask(path)
    except control.ControlError as error:
        return _complain(str(error), 1)
    _say(status.to_json(told, indent=2) if parsed.json else status.table(told))
    return 0


def _label(parsed: argparse.Namespace) -> int:
    from skerry_agent import label_command  # noqa: PLC0415

    settings = _config(parsed)
    try:
        _say(label_command.run(settings, parsed.verb, parsed.labels, as_json=parsed.json))
    except label_command.LabelError as error:
        return _complain(str(error), 2 if error.is_usage else 1)
    return 0


def _record(parsed: argparse.Namespace) -> int:
    from skerry_agent.recording import command as recording  # noqa: PLC0415

    socket = None if parsed.root else _config(parsed).runtime_socket
    to_standard_output = parsed.file == recording.STANDARD_OUTPUT
    try:
        told = recording.record(
            parsed.file, root=parsed.root, runtime_socket=socket, force=parsed.force
        )
        if to_standard_output:
            print(told, file=sys.stderr)
        else:
            _say(told)
    except recording.RecordingError as error:
        return _complain(str(error), 1)
    return 0


def _capability(parsed: argparse.Namespace) -> int:
    from skerry_agent import load, present  # noqa: PLC0415
    from skerry_agent.host import Host  # noqa: PLC0415

    now = present.NOTHING
    if parsed.root is not None:
        from skerry_agent.recording import command as recording  # noqa: PLC0415

        try:
            with recording.opened(parsed.root) as host:
                collected = recording.collect(host)
        except recording.RecordingError as error:
            return _complain(f"--root: {error}", 2)
    else:
        collected = _of_this_box(parsed)
        now = load.readings(Host(_config(parsed).root), collected.hardware)
    _say(present.to_json(collected, now) if parsed.json else present.table(collected, now))
    return 0


def _of_this_box(parsed: argparse.Namespace) -> Collected:
    from skerry_agent import capability  # noqa: PLC0415
    from skerry_agent.config import SLOW_CACHE  # noqa: PLC0415
    from skerry_agent.host import Host  # noqa: PLC0415

    settings = _config(parsed)
    host = Host(settings.root, runtime_socket=settings.runtime_socket)
    cache = settings.state / SLOW_CACHE
    collected = capability.collect(host, operator_labels=_labels(settings))
    return _with_slow(collected, host, cache, wait=parsed.slow)


def _with_slow(
    collected: Collected, host: Host, cache: pathlib.Path | None, *, wait: bool
) -> Collected:
    """Return what was collected with the answers of the slow looks; blocks only if it may wait."""
    import dataclasses  # noqa: PLC0415

    from skerry_agent import capability  # noqa: PLC0415
    from skerry_agent.slow import looks  # noqa: PLC0415

    answers = looks.read_slow(host, collected.hardware, cache, wait=wait)
    whole = capability.merge_slow(collected.hardware, answers)
    return dataclasses.replace(collected, hardware=whole)


def _labels(settings: Config) -> Mapping[str, str]:
    """Return the labels that a running agent would have, with a word on those it would not."""
    from skerry_agent import operator_labels  # noqa: PLC0415

    try:
        return {**settings.labels, **operator_labels.stored(settings.state)}
    except operator_labels.LabelsError as error:
        print(f"skerry-agent: without the labels that were set: {error}", file=sys.stderr)
        return settings.labels


def _check(parsed: argparse.Namespace) -> int:
    from skerry_agent import check, config  # noqa: PLC0415

    try:
        settings = _config(parsed)
    except config.ConfigError as error:
        _say(f"BAD config: {error}")
        return 1
    fine = True
    for one in check.findings(settings, parsed.config or config.DEFAULT_FILE):
        _say(f"{'ok ' if one.fine else 'BAD'} {one.subject}: {one.words}")
        fine = fine and one.fine
    return 0 if fine else 1


def _version(_parsed: argparse.Namespace) -> int:
    from skerry_wire import __version__  # noqa: PLC0415

    _say(f"skerry-agent {__version__}")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
