"""`skerry-executor check`: says of each thing that the executor needs whether it is in order."""

from __future__ import annotations

import os
import pathlib
import stat
from collections.abc import Collection

from skerry_executor import key_ring, leasing, runtimes, sealing, state
from skerry_executor.approvals import approvers
from skerry_executor.boot_clock import since_boot_s
from skerry_executor.hold_files import read_holds
from skerry_executor.holding import shut
from skerry_executor.journal import Journal
from skerry_executor.keys import read_keys
from skerry_executor.lease import Term
from skerry_executor.policy_file import PolicyError, read_policy
from skerry_executor.runtimes.base import RuntimeFailure
from skerry_executor.sealing import SealingError
from skerry_executor.settings import Settings
from skerry_executor.state import StateError
from skerry_wire.box_policy import BoxPolicy, is_within
from skerry_wire.frozen import frozen
from skerry_wire.lifecycle import fingerprint_of

OUT = "so it approves nothing: take it out of the folder"


@frozen()
class Finding:
    """One thing that was looked at."""

    subject: str
    fine: bool
    words: str


def findings(settings: Settings) -> tuple[Finding, ...]:
    """Look at the policy, the keys, the state, what holds updates back, and the runtime."""
    return (
        *_policy(settings),
        *_keys(settings),
        *_approvals(settings),
        _state(settings.state),
        _sealing(settings.state),
        *_journal(settings.state),
        *_holds(settings),
        *_terms(settings),
        _runtime(settings),
    )


def _terms(settings: Settings) -> tuple[Finding, ...]:
    """Say which instances this box will end by itself, unless they are renewed."""
    try:
        terms = leasing.kept(settings.run, settings.root).terms
    except StateError as error:
        return (Finding("leases", False, str(error)),)
    now_s = since_boot_s()
    return tuple(Finding(one.kind, True, f"{one.instance} {_ending(one, now_s)}") for one in terms)


def _ending(term: Term, now_s: float) -> str:
    left_s = term.end_s - now_s
    if term.stopped or left_s <= 0:
        return "is over"
    return f"is ended in {left_s:.0f} s" + ("" if term.kind == "deadline" else " unless renewed")


def _policy(settings: Settings) -> tuple[Finding, ...]:
    path = settings.policy
    try:
        policy = read_policy(path)
    except PolicyError as error:
        return (Finding("policy", False, str(error)),)
    if policy is None:
        words = f"{path} is not there, so no image is allowed; see the example in the documentation"
        return (Finding("policy", False, words),)
    if not policy.images and not policy.any_image:
        words = f"{path}: images.allow is empty, so nothing can run"
        return (Finding("policy", False, words), *_writable(path))
    return (Finding("policy", True, str(path)), *_writable(path), *_exposed(policy, settings))


def _exposed(policy: BoxPolicy, settings: Settings) -> tuple[Finding, ...]:
    """Say which of the executor's own files the policy would let a container change."""
    own = (settings.policy, settings.keys, settings.approval_keys, settings.state)
    state_folder = os.path.realpath(settings.state)
    readable = tuple(
        Finding("policy", False, f"mounts.bind_read_only: secrets below {state_folder} can be read")
        for folder in map(os.path.realpath, policy.bind_read_only)
        if is_within(state_folder, folder) or is_within(folder, state_folder)
    )
    return readable + tuple(
        Finding("policy", False, f"mounts.bind: {path} may be mounted writable by {folder}")
        for path in map(os.path.realpath, own)
        for folder in policy.bind
        if is_within(path, os.path.realpath(folder)) or is_within(os.path.realpath(folder), path)
    )


def _keys(settings: Settings) -> tuple[Finding, ...]:
    keys, folder = key_ring.trusted_keys(settings), settings.keys
    found = [Finding("keys", False, problem) for problem in keys.problems]
    found += [Finding("keys", True, f"key {name}") for name in keys.by_id]
    names = sorted(folder.glob("*.pub"))
    return (*found, *(one for path in (folder, *names) for one in _writable(path)))


def _approvals(settings: Settings) -> tuple[Finding, ...]:
    """Say whose approvals count, where the policy asks for any."""
    try:
        policy = read_policy(settings.policy)
    except PolicyError:
        return ()  # that is told elsewhere
    if policy is None or not policy.approval.required:
        return ()
    folder = settings.approval_keys
    found = read_keys(folder, "put the public keys of those who approve there")
    keys = approvers(found.by_id, key_ring.order_keys(settings))
    signing = key_ring.trusted_keys(settings).by_id
    said = [Finding("approvals", False, problem) for problem in found.problems]
    said += [
        Finding("approvals", name in keys, f"key {name}" + _why_not(name, keys, signing))
        for name in found.by_id
    ]
    places = (folder, *sorted(folder.glob("*.pub")))
    return (*said, *(one for path in places for one in _writable(path)))


def _why_not(name: str, approving: Collection[str], signing: Collection[str]) -> str:
    if name in approving:
        return ""
    return f" signs orders, {OUT}" if name in signing else f" once signed orders, {OUT}"


def _writable(path: pathlib.Path) -> tuple[Finding, ...]:
    """Say so when others than root and this user could change what the box relies on."""
    try:
        found = os.stat(path)
    except OSError:
        return ()
    if found.st_mode & (stat.S_IWGRP | stat.S_IWOTH) or found.st_uid not in (0, os.getuid()):
        words = f"{path} can be changed by others than root: chown root, chmod go-w"
        return (Finding("permissions", False, words),)
    return ()


def _state(folder: pathlib.Path) -> Finding:
    try:
        accepted = state.load(folder)
    except StateError as error:
        return Finding("state", False, str(error))
    if accepted is None:
        return Finding("state", True, f"{folder}: no order has been accepted yet")
    words = f"node {accepted.node}, generation {accepted.generation}"
    return Finding("state", True, words)


def _journal(folder: pathlib.Path) -> tuple[Finding, ...]:
    entries, problems = Journal(folder).load()
    found = [Finding("switch", False, problem) for problem in problems]
    for instance, entry in entries.items():
        words = f"{instance} is {entry.phase.replace('_', ' ')}"
        found.append(Finding("switch", True, f"{words}: {entry.reason}" if entry.reason else words))
    return tuple(found)


def _holds(settings: Settings) -> tuple[Finding, ...]:
    """Say what holds updates back: it is in order, and somebody may wonder."""
    try:
        policy = read_policy(settings.policy)
    except PolicyError:
        policy = None
    holds = read_holds(settings, (policy or BoxPolicy()).updates)
    said = [] if holds.box is None else [f"all workloads: {holds.box}"]
    said += [f"workload {name}: {why}" for name, why in sorted(holds.workloads.items())]
    closed = shut(holds)
    said += [] if closed is None else [f"all workloads: {closed.reason}"]
    return tuple(Finding("hold", True, words) for words in said)


def _sealing(folder: pathlib.Path) -> Finding:
    """Tell the fingerprint that operators compare; makes no key."""
    if not (folder / sealing.FILE).exists():
        return Finding("sealing key", True, "none yet: it is made at the agent's first visit")
    try:
        key = sealing.load_or_make(folder)
    except SealingError as error:
        return Finding("sealing key", False, str(error))
    return Finding("sealing key", True, fingerprint_of(key.public))


def _runtime(settings: Settings) -> Finding:
    runtime = runtimes.choose(runtimes.wish_of(settings))
    try:
        runtime.containers("check")
    except RuntimeFailure as failure:
        return Finding("runtime", False, failure.reason)
    return Finding("runtime", True, runtime.name)
