"""Whether a box may join, and as whom: decided from what is known of token, key and id. Pure.

Who has no valid token learns that, and nothing else. All else is told in words, because whoever
asks then is somebody whom an operator has given a token.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable

from skerry_hub.joining.records import Certificate, Enrollment, EnrollmentContent, JoinToken
from skerry_hub.views import Problem
from skerry_hub.work import RefusedError

NOT_VALID = "the token is not valid (any more): ask for a new one with `skerry token create`"


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What a box asked for, checked: the digest of its key, the id that it would like to have."""

    key_digest: str
    node: str
    machine: tuple[str, ...] = ()
    sealing_key: str | None = None
    keeps_id: bool = False


@dataclasses.dataclass(frozen=True, slots=True)
class Again:
    """The answer to this was lost, or comes twice: the same certificate once more."""

    enrollment: Enrollment
    certificate: Certificate


@dataclasses.dataclass(frozen=True, slots=True)
class Admitted:
    """The box is let in: what is kept of it from now on, and whether an earlier key goes."""

    enrollment: Enrollment
    replaces_key: bool = False


def not_valid() -> RefusedError:
    """Return the one answer to every token that is not valid, whatever the reason."""
    return RefusedError(401, Problem(reason=NOT_VALID, field="token"))


def is_valid(token: JoinToken | None, now: float) -> bool:
    """Say whether a token is one, used up or not."""
    return token is not None and token.revoked_at is None and now < token.expires_at


def decide(
    asked: Asked,
    token: JoinToken | None,
    of_key: Enrollment | None,
    of_node: Enrollment | None,
    earlier: Certificate | None,
    now: float,
    is_known: bool = False,
) -> Again | Admitted:
    """Return what becomes of a box that asks. Raises RefusedError.

    `of_key` is the box that has this key, `of_node` the one that has the id it is to get, `earlier`
    the newest certificate that this key got by this token and that holds still. `is_known` says
    that the hub has heard of a node of this id, however that came to the broker.
    """
    if token is None or not is_valid(token, now):
        raise not_valid()
    if of_key is not None and of_key.revoked_at is None and earlier is not None:
        # Also of an image that was joined once and copied: the command is in each copy.
        _check_machine(asked, token, of_key)
        return Again(of_key, earlier)
    if token.used >= token.uses:
        raise not_valid()
    if asked.keeps_id and token.node not in (None, asked.node):
        # Else the key of the token's node went, for a box that then would not be that node.
        raise _refused(
            f"this box is node {asked.node}, and the token is for node {token.node}: join with "
            f"another token; or, to make this box node {token.node}, stop its workloads and join "
            f"with --new-identity"
        )
    if of_key is not None:
        return _known(asked, token, of_key, now)
    if of_node is not None:
        return _other_key(asked, token, of_node, now)
    node = id_for(asked, token)
    if is_known and not _may_replace(token, node):
        # Else whoever has any token could have the orders of a box that was set up by hand.
        raise _refused(
            f"the hub knows a node {node} that has not joined with a token: if this is it, "
            f"use a token that an admin makes with `skerry token create --node {node}`; otherwise "
            f"give this box another id with --node-id"
        )
    return Admitted(_entered(asked, token, node, now))


def id_for(asked: Asked, token: JoinToken) -> str:
    """Return the id that a box with an unknown key is to get."""
    return token.node or asked.node


def _known(asked: Asked, token: JoinToken, known: Enrollment, now: float) -> Admitted:
    """The same key is the same box, which keeps its id."""
    node = known.node
    if token.node not in (None, node):
        raise _refused(
            f"the key of this box is that of node {node}, and the token is for node {token.node}: "
            f"join with another token, or as a new box with --new-identity"
        )
    if asked.keeps_id and asked.node != node:
        raise _refused(
            f"the key of this box is that of node {node}, and it says that it is node "
            f"{asked.node}: join as a new box with --new-identity"
        )
    _check_revoked(token, known)
    _check_machine(asked, token, known)
    return Admitted(_entered(asked, token, node, now))


def _other_key(asked: Asked, token: JoinToken, known: Enrollment, now: float) -> Admitted:
    """The id is taken, by another key: only an admin's token for this very node gives it away."""
    if not _may_replace(token, known.node):
        raise _refused(
            f"node {known.node} has joined already, with another key: if this is the same box made "
            f"anew, use a token that an admin makes with `skerry token create --node "
            f"{known.node}`; otherwise give it another id with --node-id"
        )
    _check_revoked(token, known)
    return Admitted(_entered(asked, token, known.node, now), replaces_key=True)


def _may_replace(token: JoinToken, node: str) -> bool:
    """Say whether a node that is there may get another key by a token.

    Who made it is asked again here: the node may have come since, and was none's to give then.
    """
    return token.node == node and token.content.replaces


def _check_revoked(token: JoinToken, known: Enrollment) -> None:
    """Let a revoked box in only where an admin has since said that this very one may come."""
    if known.revoked_at is None:
        return
    if token.node != known.node or token.created_at <= known.revoked_at:
        raise _refused(
            f"node {known.node} was revoked: to let it in again, an admin makes a token for it now "
            f"with `skerry token create --node {known.node}`"
        )


def _check_machine(asked: Asked, token: JoinToken, known: Enrollment) -> None:
    """Refuse a key that comes from a machine that has nothing in common with where it joined."""
    before, machine, node = known.content.machine, asked.machine, known.node
    if before and machine and token.node != node and not set(before) & set(machine):
        raise _refused(
            f"the key of this box is that of node {node}, which joined on another machine: where "
            f"this disk is a copy, join with --new-identity; if node {node} has moved to this "
            f"machine, use a token that an admin makes with `skerry token create --node {node}`"
        )


def _entered(asked: Asked, token: JoinToken, node: str, now: float) -> Enrollment:
    return Enrollment(
        node=node,
        key_digest=asked.key_digest,
        joined_at=now,
        content=EnrollmentContent(
            labels=token.content.labels,
            machine=asked.machine,
            let_in_by=token.content.made_by,
            sealing_key=asked.sealing_key,
        ),
    )


def labels_of(found: Iterable[Enrollment]) -> dict[str, dict[str, str]]:
    """Return the labels that boxes joined with, of those that have any."""
    return {one.node: dict(one.content.labels) for one in found if one.content.labels}


def _refused(reason: str) -> RefusedError:
    return RefusedError(409, Problem(reason=reason))
