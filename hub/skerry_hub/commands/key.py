"""`skerry-hub key`: the public key; and its change, where no hub is running."""

from __future__ import annotations

import argparse
import os
import pathlib
import sys
import time
from typing import TYPE_CHECKING

from skerry_hub import database_url
from skerry_hub.commands.saying import failed

if TYPE_CHECKING:
    from skerry_hub.order_keys import OrderKeys
    from skerry_hub.store import Store

ACTIONS = ("show", "status", "rotate", "retire")


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add what `key` takes."""
    parser.add_argument(
        "action",
        nargs="?",
        default="show",
        choices=ACTIONS,
        help="show: print the public key that boxes must trust (default); the others are for a hub "
        "that is not running: of one that is, ask with `skerry key`",
    )
    database_url.add_data(parser)
    database_url.add_database(parser)
    parser.add_argument(
        "--stolen", action="store_true", help="rotate: boxes distrust the present key at once"
    )
    parser.add_argument(
        "--force", action="store_true", help="retire: although some boxes do not know the next key"
    )


def run(given: argparse.Namespace) -> int:
    """Print the public half of the order key, or change it."""
    if given.action == "show":
        return _show(pathlib.Path(given.data))
    from skerry_hub.owner import as_owner  # noqa: PLC0415

    os.umask(0o077)
    folder = pathlib.Path(given.data)
    if not folder.is_dir():
        return _failed(f"{folder} is no folder")
    with as_owner(folder):
        return _held(given, folder)


def _held(given: argparse.Namespace, folder: pathlib.Path) -> int:
    """Do it with the folder held against a hub."""
    from skerry_hub.data_folder import claim_whole  # noqa: PLC0415
    from skerry_hub.keys import OrderKeyError  # noqa: PLC0415
    from skerry_hub.order_keys import RotationError  # noqa: PLC0415
    from skerry_hub.store_error import StoreError  # noqa: PLC0415

    try:
        lock = claim_whole(folder)
    except OSError as error:
        return _failed(f"{folder}: {error.strerror}; ask it: skerry key {given.action}")
    try:
        return _done(given, folder)
    except OSError as error:
        return failed(error)
    except (OrderKeyError, RotationError, StoreError, database_url.DatabaseUrlError) as error:
        return _failed(str(error))
    finally:
        os.close(lock)


def _show(folder: pathlib.Path) -> int:
    from skerry_hub.keys import PUBLIC  # noqa: PLC0415

    path = folder / PUBLIC
    try:
        print(path.read_text().strip())
    except OSError as error:
        return _failed(f"{path}: {error.strerror}; the hub makes it at its first start")
    return 0


def _done(given: argparse.Namespace, folder: pathlib.Path) -> int:
    from skerry_hub import store_beside  # noqa: PLC0415
    from skerry_hub.order_keys import OrderKeys  # noqa: PLC0415
    from skerry_hub.store_opening import open_store  # noqa: PLC0415

    _, url = database_url.folder_and_database(vars(given))
    store_beside.must_have_hub(url)
    store = open_store(url)
    try:
        keys = OrderKeys(folder, store)
        if given.action != "status":
            facts = {"stolen": given.stolen, "force": given.force}
            about = {name: "yes" for name, is_so in facts.items() if is_so}
            with store_beside.noted(store, f"key {given.action}", **about):
                _change(keys, store, given)
        _say(keys, store)
    finally:
        store.close()
    return 0


def _change(keys: OrderKeys, store: Store, given: argparse.Namespace) -> None:
    """Raises OrderKeyError, RotationError."""
    if given.action == "rotate":
        keys.rotate(time.time(), stolen=given.stolen)
        return
    nodes = list(store.load().nodes.values())
    without = keys.without(nodes)
    left = [node.known_as for node in nodes if node.id in without]
    keys.retire(time.time(), left, force=given.force)


def _say(keys: OrderKeys, store: Store) -> None:
    nodes = list(store.load().nodes.values())
    without = keys.without(nodes)
    if keys.next is None:
        print(f"order key {keys.id}; {len(nodes) - len(without)} of {len(nodes)} boxes trust it")
    else:
        print(f"order key {keys.id}, being changed to {keys.next.id}")
        print(f"{len(nodes) - len(without)} of {len(nodes)} boxes trust that")
    for node in nodes:
        if node.id in without:
            print(f"  {node.known_as}: {without[node.id]}")


def _failed(reason: str) -> int:
    print(f"skerry-hub: {reason}", file=sys.stderr)
    return 1
