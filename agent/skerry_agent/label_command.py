"""The command `skerry-agent label`: changes the labels that a box gives itself.

They are stored first, so that they hold whether an agent runs or not; one that runs is then told,
and what it says of itself shows whether it took them.
"""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Mapping, Sequence

from skerry_agent import config as settings
from skerry_agent import control, operator_labels
from skerry_agent.config import Config
from skerry_agent.operator_labels import LabelsError
from skerry_wire.labels import wrong

TAKEN_S = 5.0
"""How long a running agent may take to have the labels."""


class LabelError(Exception):
    """A label cannot be changed; the text says why. `is_usage`: it was asked for wrongly."""

    def __init__(self, text: str, *, is_usage: bool = False) -> None:
        super().__init__(text)
        self.is_usage = is_usage


def run(config: Config, verb: str, words: Sequence[str], *, as_json: bool) -> str:
    """Do what was asked for and return what to print. Raises LabelError."""
    try:
        if verb == "list":
            if words:
                raise LabelError("`list` takes no labels", is_usage=True)
            return _shown(config, operator_labels.stored(config.state), None, (), as_json=as_json)
        if not words:
            what = "KEY=VALUE" if verb == "set" else "KEY"
            raise LabelError(f"name at least one {what} to {verb}", is_usage=True)
        notes: tuple[str, ...] = ()
        if verb == "set":
            given = _given(words)
            stored = operator_labels.change(config.state, lambda before: {**before, **given})
        else:
            notes = _why_not(config, words)
            stored = operator_labels.change(
                config.state,
                lambda before: {k: v for k, v in before.items() if k not in words},
            )
    except LabelsError as error:
        raise LabelError(str(error)) from None
    agent = _tell_agent(config.control, {**config.labels, **stored})
    return _shown(config, stored, agent, notes, as_json=as_json)


def _given(words: Sequence[str]) -> dict[str, str]:
    given: dict[str, str] = {}
    for word in words:
        key, equals, value = word.partition("=")
        if not equals:
            raise LabelError(f"{word!r} must be KEY=VALUE", is_usage=True)
        if key in given:
            raise LabelError(f"the label {key!r} is given twice", is_usage=True)
        error = wrong(key, value)
        if error is not None:
            raise LabelError(error, is_usage=True)
        given[key] = value
    return given


def _why_not(config: Config, keys: Sequence[str]) -> tuple[str, ...]:
    """Return what to say of labels that are not, or not only, set by command.

    Raises LabelError for one that the settings' file alone gives.
    """
    stored = operator_labels.stored(config.state)
    notes = []
    for key in keys:
        if "=" in key:
            raise LabelError(f"`unset` takes KEY alone, not {key!r}", is_usage=True)
        if key in config.labels and key not in stored:
            raise LabelError(
                f"{key!r} is given by {_file(config)} and cannot be unset here: remove it from "
                "[labels] there, then `systemctl reload skerry-agent`"
            )
        if key in config.labels:
            notes.append(f"{key}: what {_file(config)} gives holds again")
        elif key not in stored:
            notes.append(f"{key}: was not set")
    return tuple(notes)


def _file(config: Config) -> str:
    return str(config.file or settings.DEFAULT_FILE)


# --- the running agent -------------------------------------------------------------------


def _tell_agent(path: str, labels: Mapping[str, str]) -> str:
    """Have a running agent read the labels again; return in words how it stands with it."""
    wanted = operator_labels.digest_of(labels)
    try:
        told, pid = control.ask_peer(path)
        if told.labels == wanted and not any("labels" in one for one in told.problems):
            return "has them"
        if told.labels is None:
            raise LabelError(
                "the labels are stored, but the agent that runs is too old to read them: "
                "`systemctl restart skerry-agent`"
            )
        _signal(path, pid)
        return _until_taken(path, wanted, told.problems)
    except control.NoAgentError:
        return "does not run; it takes them at its start"
    except control.ControlError as error:
        raise LabelError(f"the labels are stored, but the agent cannot be told: {error}") from None


def _signal(path: str, pid: int) -> None:
    """Send SIGHUP to the process that serves the socket, and to no other that has its number."""
    reload = "`systemctl reload skerry-agent`"
    try:
        # Held before the socket is asked once more: who answers then is alive, so that its number
        # has not gone to another process.
        handle = os.pidfd_open(pid)
        try:
            _, now = control.ask_peer(path)
            if now != pid:
                raise LabelError(f"the labels are stored; the agent is just starting: {reload}")
            signal.pidfd_send_signal(handle, signal.SIGHUP)
        finally:
            os.close(handle)
    except OSError as error:
        raise LabelError(
            f"the labels are stored, but the agent cannot be told ({error.strerror}): "
            f"{reload} as root"
        ) from None


def _until_taken(path: str, wanted: str, problems: Sequence[str]) -> str:
    until = time.monotonic() + TAKEN_S
    while True:
        told = control.ask(path)
        if told.labels == wanted:
            return "has them"
        why = "; ".join(one for one in told.problems if "labels" in one and one not in problems)
        if why or time.monotonic() > until:
            break
        time.sleep(0.02)
    raise LabelError(
        "the labels are stored, but the agent that runs has others: "
        + (why or "does it use another --config or --state?")
    )


# --- what is printed ---------------------------------------------------------------------


def _shown(
    config: Config,
    stored: Mapping[str, str],
    agent: str | None,
    notes: Sequence[str],
    *,
    as_json: bool,
) -> str:
    labels = dict(sorted({**config.labels, **stored}.items()))
    sources = {key: "set" if key in stored else _file(config) for key in labels}
    if as_json:
        import json  # noqa: PLC0415

        plain = {"labels": labels, "sources": sources, "agent": agent, "notes": list(notes)}
        return json.dumps(plain, indent=2, ensure_ascii=False)
    lines = [f"{key}={value}" for key, value in labels.items()]
    width = max(map(len, lines), default=0)
    rows = [
        f"{line:<{width}}  {source}" for line, source in zip(lines, sources.values(), strict=True)
    ]
    told = [] if agent is None else [f"The agent {agent}."]
    if config.ignored_labels:
        told = [settings.of_ignored(config.ignored_labels), *told]
    return "\n".join([*(rows or ["no labels"]), *notes, *told])
