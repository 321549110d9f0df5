"""Each command ends as the table in docs/trouble.md says: 2 for wrong usage, 1 without a hub."""

import pathlib

import click
import pytest

from skerry_cli.main import cli

SHOP = str(pathlib.Path(__file__).parents[1] / "hub/workloads/kubernetes/golden.yaml")
UNREACHABLE = "http://127.0.0.1:1"
ASKS = {
    "get": ["nodes"],
    "describe": ["node", "a"],
    "apply": ["-f", SHOP],
    "plan": ["-f", SHOP],
    "explain": ["a"],
    "snapshot": ["--out", "-"],
    "replay": ["1"],
    "logs": ["a"],
    "exec": ["a", "--", "true"],
    "restart": ["a"],
    "top": [],
    "delete": ["workload", "a"],
    "node probe": ["a"],
    "secret ls": [],
    "registry ls": [],
    "secret list": [],
    "registry list": [],
    "label": ["node", "a", "b=c"],
    "taint": ["node", "a", "b=c:NoSchedule"],
    "cordon": ["a"],
    "uncordon": ["a"],
    "drain": ["a"],
    "rollout status": ["a"],
    "rollout undo": ["a"],
    "rebalance": [],
}
"""Commands that ask the hub, with arguments that are right."""


def commands(group, path=()):
    """Yield the words of every command."""
    for name in group.list_commands(click.Context(group)):
        command = group.get_command(click.Context(group), name)
        if isinstance(command, click.Group):
            yield from commands(command, (*path, name))
        else:
            yield " ".join((*path, name))


@pytest.mark.parametrize("words", sorted(commands(cli)))
def test_wrong_usage_is_2(skerry, hub, words):
    skerry(*words.split(), "--no-such-option", code=2)
    assert hub.asked == []


@pytest.mark.parametrize("words", sorted(ASKS))
def test_without_a_hub_it_is_1(skerry, words):
    done = skerry(*words.split(), *ASKS[words], code=1, SKERRY_HUB=UNREACHABLE)
    assert done.out == ""
    assert done.err.startswith("skerry: ")
