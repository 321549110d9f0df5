"""What is asked of this box about an instance: whether it is the hub's, allowed, and of what. Pure.

That it answers a challenge of this box, and for the first time, is asked elsewhere: what is judged
here proves nothing about when it was signed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from skerry_executor.actual import Actual, Phase
from skerry_executor.order import Identity
from skerry_executor.signed import opened
from skerry_executor.start_order import in_order
from skerry_wire import envelope
from skerry_wire.box_policy import BoxPolicy
from skerry_wire.errors import WireError
from skerry_wire.messages import InstanceRequest, Order
from skerry_wire.session import KEY_BYTES
from skerry_wire.workload import Instance

_UP = (Phase.RUNNING, Phase.RESTARTING, Phase.PAUSED)


def verify(data: bytes, keys: Mapping[str, bytes], identity: Identity) -> InstanceRequest | str:
    """Return the request that the bytes of an Envelope hold, or why it is refused."""
    sealed = opened(data, keys)
    if isinstance(sealed, str):
        return sealed
    try:
        request = envelope.open_request(sealed)
    except WireError as error:
        return str(error)
    if request.node != identity.node:
        return f"it is for node {request.node}, this is {identity.node}"
    if request.incarnation != identity.incarnation:
        return f"it is for incarnation {request.incarnation} of this node"
    return request


def objection(request: InstanceRequest, policy: BoxPolicy) -> str | None:
    """Return what is wrong with a request, or what the box's policy has against it."""
    if not policy.requests.allows(request.verb):
        return f"the box's policy does not allow {request.verb} (requests.{request.verb})"
    if request.verb != "top" and request.instance is None:
        return f"{request.verb} is asked of an instance, and none is named"
    if (request.verb == "exec") != bool(request.command):
        return "exec needs a command" if request.verb == "exec" else "a command belongs to exec"
    if request.command and not request.command[0]:
        return "the command is empty"
    if request.input and (request.verb != "exec" or request.stdin):
        return "input belongs to exec, and comes piece by piece"
    if request.terminal is not None and not request.input:
        return "a terminal needs input"
    if len(request.answer_key) != KEY_BYTES:
        return f"the key to seal the answer with is of {len(request.answer_key)} bytes"
    return None


def asked_about(
    request: InstanceRequest, containers: Sequence[Actual], order: Order
) -> tuple[Actual, ...] | str:
    """Return the containers that a request is about, in their start order; or why there is none.

    Only what the accepted order names, or carries this node's labels, is ever asked about.
    """
    ours = [one for one in containers if one.node == request.node]
    if request.instance is None:
        return tuple(sorted(ours, key=lambda one: one.name))
    ordered = instance_of(order, request.instance)
    starts = in_order(ordered) if ordered is not None else ()
    rank = {one.name: at for at, one in enumerate(starts)}
    found = [one for one in ours if one.instance == request.instance]
    found.sort(key=lambda one: (rank.get(one.container, len(rank)), one.container))
    if not found and ordered is None:
        return f"there is no instance {request.instance} on this box"
    if not found:
        return f"instance {request.instance} has no container yet"
    if request.container:
        chosen = [one for one in found if one.container == request.container]
        names = ", ".join(one.container for one in found)
        if not chosen:
            return f"instance {request.instance} has no container {request.container}; has {names}"
        return tuple(chosen)
    if request.verb == "restart":
        # What has done its part, as a preparation has, is not done again.
        return tuple([one for one in found if one.phase in _UP] or found)
    return tuple(found if request.verb == "top" else found[:1])


def instance_of(order: Order, name: str | None) -> Instance | None:
    """Return an instance of the order; None where it has none of that id."""
    return next((one for one in order.instances if one.id == name), None)


def restart_objection(instance: Instance | None) -> str | None:
    """Return why an instance may not be restarted from outside; None when it may."""
    if instance is None:
        return "the accepted order has no such instance any more"
    if instance.job is not None:
        return "it is a job, which runs to its end: apply it anew to run it again"
    return None
