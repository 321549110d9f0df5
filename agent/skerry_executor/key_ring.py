"""The keys that this box trusts now: root's files, and what signed changes made of them, kept.

One file in the state folder, written whole. A damaged one is never begun anew: keys that were
retired would be trusted again. Then no key is trusted, what runs goes on, and the reason is said.
"""

from __future__ import annotations

import os
import pathlib

from skerry_executor import whole_file
from skerry_executor.key_changes import KeyRing, ever_trusted, trusted
from skerry_executor.keys import TrustedKeys, read_keys
from skerry_executor.settings import Settings
from skerry_executor.state import StateError, read_record, write_record
from skerry_executor.whole_file import DamagedError
from skerry_wire.order_keys import KeyStanding

FILE = "keys.state"
_MAGIC = b"skerry-executor keys 1\n"
_MAX_FILE_BYTES = 64 * 1024


def load(folder: pathlib.Path) -> KeyRing:
    """Return what was learned of changes, nothing where there were none. Raises StateError."""
    path = folder / FILE
    try:
        return read_record(KeyRing, path, _MAGIC, _MAX_FILE_BYTES) or KeyRing()
    except DamagedError as error:
        advice = (
            "put back a copy, or trust again what root put on this box, and nothing else, with "
            "`skerry-executor keys --forget --yes`"
        )
        raise StateError(f"{path} is damaged ({error}), so no key is trusted: {advice}") from None


def forget(folder: pathlib.Path) -> bool:
    """Remove what was learned and retired; say whether there was any. Raises StateError."""
    try:
        os.unlink(folder / FILE)
    except FileNotFoundError:
        return False
    except OSError as error:
        raise StateError(f"{folder / FILE} cannot be removed: {error.strerror}") from None
    whole_file.sync_folder(folder)
    return True


def trusted_keys(settings: Settings) -> TrustedKeys:
    """Return the keys that are trusted now, and what is wrong with files. Never raises."""
    by_root = read_keys(settings.keys)
    try:
        ring = load(settings.state)
    except StateError as error:
        return TrustedKeys(by_id={}, problems=(str(error)[:1024], *by_root.problems))
    keys = trusted(ring, by_root.by_id)
    retired = sorted(name for name in by_root.by_id if name not in keys)
    problems = by_root.problems
    if not keys and retired:
        reason = f"every key in {settings.keys} was retired ({', '.join(retired)}): join anew"
        problems = (*problems, reason)
    return TrustedKeys(by_id=keys, problems=problems)


def order_keys(settings: Settings) -> frozenset[bytes]:
    """Return every key that signs orders here or has done so, also those that count no more.

    Where what was learned is damaged, root's alone are known; then no new order is taken anyway.
    Never raises.
    """
    by_root = read_keys(settings.keys).by_id
    try:
        ring = load(settings.state)
    except StateError:
        ring = KeyRing()
    return ever_trusted(ring, by_root)


def standing(settings: Settings) -> KeyStanding | None:
    """Return what the hub is told of this box's keys; None where they cannot be had."""
    by_root = read_keys(settings.keys).by_id
    try:
        ring = load(settings.state)
    except StateError:
        return None
    return KeyStanding(sequence=ring.sequence, trusted=tuple(sorted(trusted(ring, by_root))))


def save(folder: pathlib.Path, ring: KeyRing) -> None:
    """Replace what was learned before, durably. Raises StateError; then the old one counts on."""
    write_record(folder / FILE, _MAGIC, ring)
