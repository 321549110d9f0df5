"""The command `skerry-executor`: settings, wiring, exit statuses.

Imports late: a run is started for each visit of the agent, and every millisecond counts.
"""

from __future__ import annotations

import os
import pathlib
import signal
import sys
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from skerry_executor.settings import (
    APPROVAL_KEYS,
    ENVIRONMENT,
    IDLE_S,
    KEYS,
    MAX_IDLE_S,
    POLICY,
    RUN,
    STATE,
    Settings,
)

if TYPE_CHECKING:
    import argparse
    import socket

LOCK_WAIT_S = 10.0
RUNTIME_NAMES = ("auto", "podman", "docker", "kubelet", "containerd")
OPTIONS: tuple[tuple[str, str, str | None, str], ...] = (
    ("state", "DIR", str(STATE), "where the accepted order is kept"),
    ("run", "DIR", str(RUN), "where what a boot ends is kept, on tmpfs"),
    ("policy", "FILE", str(POLICY), "the box's policy"),
    ("keys", "DIR", str(KEYS), "trusted public keys of hubs, *.pub"),
    ("approval-keys", "DIR", str(APPROVAL_KEYS), "public keys of who approves, *.pub"),
    ("runtime", "NAME", "auto", "podman, docker, kubelet, containerd, or auto: the first found"),
    ("runtime-socket", "PATH", None, "the runtime's socket; a kubelet's is that of its CRI"),
    ("pod-manifests", "DIR", None, "a kubelet's folder of static pods; it is then the runtime"),
    ("allow-user", "USERS", None, "users who may ask, besides root: names or ids, with commas"),
    ("idle", "SECONDS", f"{IDLE_S:g}", "how long a run waits for another connection"),
)
EPILOG = f"""Each option also has an environment variable: {ENVIRONMENT}STATE, {ENVIRONMENT}RUN,
{ENVIRONMENT}POLICY, {ENVIRONMENT}KEYS, {ENVIRONMENT}APPROVAL_KEYS, {ENVIRONMENT}RUNTIME,
{ENVIRONMENT}RUNTIME_SOCKET, {ENVIRONMENT}POD_MANIFESTS, {ENVIRONMENT}ALLOW_USER,
{ENVIRONMENT}IDLE. An option on the command line wins. Exit status: 0 fine, 1 something is wrong,
2 wrong usage."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return the exit status."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    values = {name: os.environ.get(_variable(name), default) for name, _, default, _ in OPTIONS}
    parsed: argparse.Namespace | None = None
    # What systemd starts has no options, and need not wait for argparse.
    if given not in ([], ["run"]):
        parsed = _parser(values).parse_args(given)
        values = {name: getattr(parsed, name.replace("-", "_")) for name in values}
    try:
        settings = _settings(values)
    except ValueError as error:
        print(f"skerry-executor: {error}", file=sys.stderr)
        return 2
    if parsed is None or parsed.command in (None, "run"):
        return _run(settings)
    match parsed.command:
        case "listen":
            return _listen(parsed, settings)
        case "reset":
            return _reset(settings, parsed.yes)
        case "purge":
            return _purge(settings, parsed)
        case "check":
            return _check(settings)
        case "sealing-key":
            return _sealing_key(settings)
        case "keys":
            return _keys(settings, forget=parsed.forget, yes=parsed.yes)
        case _:
            return _version()


def _variable(option: str) -> str:
    return ENVIRONMENT + option.upper().replace("-", "_")


def _parser(values: Mapping[str, str | None]) -> argparse.ArgumentParser:
    import argparse  # noqa: PLC0415

    parser = argparse.ArgumentParser(
        prog="skerry-executor",
        description="Carries out the hub's signed orders on this box, within the box's own policy.",
        epilog=EPILOG,
    )
    commands = parser.add_subparsers(dest="command", metavar="COMMAND")
    run = commands.add_parser("run", help="serve the socket passed by systemd, then exit (default)")
    listen = commands.add_parser("listen", help="hold the socket on a box without systemd")
    listen.add_argument("--socket", required=True, metavar="PATH", help="where to listen")
    listen.add_argument("--mode", default="0660", help="of the socket, octal (default: 0660)")
    listen.add_argument("--group", help="the socket's group")
    reset = commands.add_parser("reset", help="forget the node's identity and its newest order")
    reset.add_argument("--yes", action="store_true", help="do it: older orders are valid again")
    purge = commands.add_parser("purge", help="end and remove all that Skerry runs on this box")
    purge.add_argument("--yes", action="store_true", help="do it now")
    purge.add_argument(
        "--later",
        action="store_true",
        help="keep what a purge needs once the programs are gone (the package does so at its "
        "removal), and stop what has a lease, for nobody is there to end it",
    )
    check = commands.add_parser("check", help="say what is wrong with policy, keys and runtime")
    keys = commands.add_parser("keys", help="say which order keys are trusted, and why")
    keys.add_argument("--forget", action="store_true", help="forget what the hub changed of them")
    keys.add_argument("--yes", action="store_true", help="do it: only root's files count then")
    sealing = commands.add_parser(
        "sealing-key", help="print the public key to which secrets for this box are sealed"
    )
    commands.add_parser("version", help="print the version")
    # The options are understood before and after the command alike.
    for each in (parser, run, listen, reset, purge, check, keys, sealing):
        for name, metavar, default, words in OPTIONS:
            value = values[name] if each is parser else argparse.SUPPRESS
            shown = "" if default is None else f" (default: {default})"
            each.add_argument(f"--{name}", metavar=metavar, default=value, help=words + shown)
    return parser


def _settings(values: Mapping[str, str | None]) -> Settings:
    idle = values["idle"] or ""
    manifests = values["pod-manifests"]
    try:
        idle_s = float(idle)
    except ValueError:
        idle_s = -1.0
    if not 0 <= idle_s <= MAX_IDLE_S:
        raise ValueError(f"--idle: {idle!r} is not 0 to {MAX_IDLE_S:.0f} seconds")
    return Settings(
        state=pathlib.Path(values["state"] or STATE),
        run=pathlib.Path(values["run"] or RUN),
        policy=pathlib.Path(values["policy"] or POLICY),
        keys=pathlib.Path(values["keys"] or KEYS),
        approval_keys=pathlib.Path(values["approval-keys"] or APPROVAL_KEYS),
        runtime=_runtime(values["runtime"] or "auto"),
        runtime_socket=values["runtime-socket"] or None,
        pod_manifests=pathlib.Path(manifests) if manifests else None,
        users=_users(values["allow-user"] or ""),
        idle_s=idle_s,
    )


def _runtime(name: str) -> str:
    if name not in RUNTIME_NAMES:
        raise ValueError(f"--runtime: {name!r} is none of {', '.join(RUNTIME_NAMES)}")
    return name


def _users(text: str) -> tuple[int, ...]:
    import pwd  # noqa: PLC0415

    found = []
    for name in filter(None, text.split(",")):
        try:
            found.append(int(name) if name.isdecimal() else pwd.getpwnam(name).pw_uid)
        except KeyError:
            raise ValueError(f"--allow-user: there is no user {name}") from None
    return tuple(found)


def _run(settings: Settings) -> int:
    from skerry_executor import overdue  # noqa: PLC0415

    overdue.kill(settings.run, settings.root)
    from skerry_executor import listen  # noqa: PLC0415

    try:
        listener = listen.inherited(os.environ, os.getpid())
    except listen.ListenError as error:
        print(f"skerry-executor: {error}", file=sys.stderr)
        return 2
    return _serve(listener, settings, None)


def _serve(listener: socket.socket, settings: Settings, holder: int | None) -> int:
    from skerry_executor import runtimes, serve, state  # noqa: PLC0415
    from skerry_executor.log import log  # noqa: PLC0415

    wish = runtimes.wish_of(settings)
    try:
        with state.locked(settings.state, LOCK_WAIT_S):
            server = serve.Server(listener, settings, lambda: runtimes.choose(wish), holder)
            signal.signal(signal.SIGTERM, server.end)
            signal.signal(signal.SIGINT, server.end)
            server.run()
    except state.StateError as error:
        log("error", "cannot serve", reason=str(error))
        serve.decline(listener, settings.users, f"executor: {error}")
        return 1
    return 0


def _listen(parsed: argparse.Namespace, settings: Settings) -> int:
    from skerry_executor import listen  # noqa: PLC0415

    try:
        mode = int(parsed.mode, 8)
    except ValueError:
        print(f"skerry-executor: --mode {parsed.mode!r} is not octal", file=sys.stderr)
        return 2
    path = pathlib.Path(parsed.socket)
    try:
        listener = listen.bind(path, mode, parsed.group)
    except listen.ListenError as error:
        print(f"skerry-executor: {error}", file=sys.stderr)
        return 1
    _import_for_runs()
    listen.hold(
        listener,
        path,
        lambda holder: _serve(listener, settings, holder),
        lambda: _is_due(settings),
    )
    return 0


def _is_due(settings: Settings) -> bool:
    """Say whether a run is wanted although nobody asks.

    There are leases or deadlines to end, programs that a killed run left in containers, or what
    rests between crashes is to be started.
    """
    from skerry_executor import backoffs, leasing, programs, state  # noqa: PLC0415

    if backoffs.is_held(settings.run, settings.root) or programs.are_left(settings.run):
        return True
    try:
        return leasing.kept(settings.run, settings.root).held()
    except state.StateError:
        return False  # a run would find no more, and says so when somebody asks


def _import_for_runs() -> None:
    """Import what each run needs, before the runs are forked."""
    import nacl.signing  # noqa: PLC0415

    from skerry_executor import serve  # noqa: PLC0415
    from skerry_executor.runtimes import containers  # noqa: PLC0415

    del nacl, serve, containers


def _reset(settings: Settings, yes: bool) -> int:
    from skerry_executor import job_store, journal, state  # noqa: PLC0415

    if not yes:
        print(
            "This forgets which node this box is and its newest order, so that older orders are "
            "valid again. Nothing that runs is touched. Add --yes to do it.",
            file=sys.stderr,
        )
        return 1
    try:
        with state.locked(settings.state, LOCK_WAIT_S):
            was_there = state.forget(settings.state)
            journal.Journal(settings.state).clear()
            if job_store.load(settings.state):
                job_store.save(settings.state, {})
    except state.StateError as error:
        # While there are leases, a run stays to end them.
        advice = "where it stays, stop it first: systemctl stop skerry-executor.service"
        print(f"skerry-executor: {error}; {advice}", file=sys.stderr)
        return 1
    if not was_there:
        print("there was nothing to forget")
        return 0
    print("forgotten; what runs keeps running, and under a new node id is nobody's: look for it")
    print("with `podman ps --filter label=io.skerry.node`, and remove what is not wanted")
    return 0


def _sealing_key(settings: Settings) -> int:
    """Print the key, which is made at the first time. A join asks for it."""
    import base64  # noqa: PLC0415

    from skerry_executor import sealing, state  # noqa: PLC0415

    try:
        with state.locked(settings.state, LOCK_WAIT_S):
            key = sealing.load_or_make(settings.state)
    except (state.StateError, sealing.SealingError) as error:
        print(f"skerry-executor: {error}", file=sys.stderr)
        return 1
    print(base64.b64encode(key.public).decode())
    return 0


def _purge(settings: Settings, parsed: argparse.Namespace) -> int:
    from skerry_executor import purge_command  # noqa: PLC0415

    if parsed.later:
        return purge_command.later(settings)
    if parsed.yes:
        return purge_command.now(settings)
    print(purge_command.ASK, file=sys.stderr)
    return 1


def _check(settings: Settings) -> int:
    from skerry_executor import check  # noqa: PLC0415

    found = check.findings(settings)
    for one in found:
        print(f"{'ok ' if one.fine else 'BAD'} {one.subject}: {one.words}")
    return 0 if all(one.fine for one in found) else 1


def _keys(settings: Settings, *, forget: bool, yes: bool) -> int:
    from skerry_executor import keys_command  # noqa: PLC0415

    return keys_command.forget(settings, yes=yes) if forget else keys_command.show(settings)


def _version() -> int:
    from skerry_wire import __version__  # noqa: PLC0415

    print(f"skerry-executor {__version__}")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
