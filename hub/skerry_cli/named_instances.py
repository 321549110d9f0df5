"""What people name where instances are meant: an instance, a workload, or one on a node."""

from __future__ import annotations

import click
from click.shell_completion import CompletionItem

from skerry_cli.failures import Failure, RefusedError
from skerry_cli.hub import Hub, path
from skerry_cli.records import Instance, items_of, read
from skerry_cli.session import complete_names


def instances_of(hub: Hub, name: str) -> list[Instance]:
    """Return the instances of a workload, or the one of this id, or `NODE/INSTANCE`.

    Raises Failure where there is none.
    """
    node, slash, instance = name.partition("/")
    if slash:
        found = [one for one in _listed(hub, node=node) if one.id == instance]
        if not found:
            raise Failure(f"there is no instance {instance} on {node}")
        return found
    found = _listed(hub, workload=name)
    if found:
        return found
    found = [one for one in _listed(hub) if one.id == name]
    if not found and _is_workload(hub, name):
        raise Failure(f"the workload {name} has no instance yet; see `skerry explain {name}`")
    if not found:
        raise Failure(f"there is no workload and no instance {name}; see `skerry get instances`")
    return found


def _is_workload(hub: Hub, name: str) -> bool:
    try:
        hub.get(path("workloads", name))
    except RefusedError as failure:
        if not failure.unknown_name:
            raise
        return False
    return True


def one_instance_of(hub: Hub, name: str) -> Instance:
    """Return the one instance that is meant. Raises Failure where there are none or several."""
    found = instances_of(hub, name)
    if len(found) > 1:
        ids = ", ".join(one.id for one in found[:10])
        raise Failure(f"{name} has {len(found)} instances; name one of them: {ids}")
    return found[0]


def complete_instances(
    ctx: click.Context, param: click.Parameter, start: str
) -> list[CompletionItem]:
    """Complete the names of workloads and of instances."""
    found = complete_names("workloads")(ctx, param, start)
    known = {item.value for item in found}
    others = complete_names("instances")(ctx, param, start)
    return found + [item for item in others if item.value not in known]


def _listed(hub: Hub, **query: str) -> list[Instance]:
    return [read(Instance, item) for item in items_of(hub.get(path("instances"), query))]
