"""Verbs with a second name, which help does not show: the same in every group."""

import click
import pytest

from skerry_cli.main import COMMANDS, cli
from skerry_hub.views import PlanView

CONTEXT = click.Context(cli)
GROUPS = [name for name in COMMANDS if isinstance(cli.get_command(CONTEXT, name), click.Group)]


@pytest.mark.parametrize("name", ["", *GROUPS])
def test_a_list_is_called_list_and_both_names_of_a_verb_are_taken(name):
    group = cli.get_command(CONTEXT, name) if name else cli
    shown = group.list_commands(CONTEXT)
    assert not {"ls", "remove"} & set(shown)
    assert not {"rm", "delete"} <= set(shown)
    for one, other in (("list", "ls"), ("rm", "delete"), ("delete", "rm")):
        if one in shown:
            assert group.get_command(CONTEXT, other) is group.get_command(CONTEXT, one)
    if not {"rm", "delete"} & set(shown):
        assert group.get_command(CONTEXT, "rm") is group.get_command(CONTEXT, "delete") is None


@pytest.mark.parametrize("name", ["access", "approve", "context", "registry", "secret", "token"])
def test_ls_lists(skerry, hub, name):
    for path in ("access", "approvals", "registries", "secrets", "join-tokens"):
        hub.answers[f"GET /api/v1/{path}"] = []
    done = skerry(name, "ls")
    assert (done.out, done.err) == (skerry(name, "list").out, skerry(name, "list").err)


def test_whoever_types_the_other_verb_has_it_done(skerry, hub):
    hub.answers |= {"DELETE /api/v1/secrets/db": {}, "DELETE /api/v1/workloads/w": PlanView()}
    assert skerry("secret", "delete", "db", "-y").out == "secret/db removed\n"
    assert skerry("rm", "workload", "w").out == "workload/w deleted\n"
    assert "Usage: skerry secret delete" in skerry("secret", "delete", "--help").out
