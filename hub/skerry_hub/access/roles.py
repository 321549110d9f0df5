"""RULES, the visible table: what each route of the API asks of whoever uses it. Pure.

A route without an entry is denied, and a test fails until it has one.
"""

from __future__ import annotations

import dataclasses
import enum
from collections.abc import Mapping

KIB = 1024
BODY_BYTES = 64 * KIB
FILES_BYTES = 4 * 1024 * KIB


class Role(enum.IntEnum):
    """What a token is for; each may do what those before it may."""

    VIEWER = 1
    """Sees everything but secrets, tokens and the audit log."""
    OPERATOR = 2
    """Changes what runs, and where."""
    ADMIN = 3
    """Says who may ask, and whom boxes and hub trust."""

    @property
    def word(self) -> str:
        """Return its name as people write it."""
        return self.name.lower()


ROLES: Mapping[str, Role] = {role.word: role for role in Role}


class Reach(enum.Enum):
    """What a route is about, and so how a token with a scope is held to it."""

    OPEN = "open"
    """For everybody, without any token."""
    SAME = "same"
    """Tells everybody who has a token the same, and nothing of boxes and workloads."""
    FLEET = "fleet"
    """About the fleet as a whole: not for tokens with a scope."""
    NODE = "node"
    """About the node in the path."""
    WORKLOAD = "workload"
    """About the workload in the path."""
    INSTANCE = "instance"
    """About the instance in the path: its node and its workload."""
    NARROWED = "narrowed"
    """Answers with, and changes, only what is within the scope: the route itself sees to it."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """What one route asks. `body_bytes`: most that a request may send.

    `audited`: it changes something. `private`: its body holds secrets, of which not even a digest
    is kept, since a short secret could be guessed from it.
    """

    role: Role
    reach: Reach
    body_bytes: int = BODY_BYTES
    audited: bool = False
    private: bool = False


def _sees(reach: Reach, role: Role = Role.VIEWER, body_bytes: int = BODY_BYTES) -> Rule:
    return Rule(role=role, reach=reach, body_bytes=body_bytes)


def _changes(
    reach: Reach,
    role: Role = Role.OPERATOR,
    body_bytes: int = BODY_BYTES,
    *,
    private: bool = False,
) -> Rule:
    return Rule(role=role, reach=reach, body_bytes=body_bytes, audited=True, private=private)


_ANYBODY = Rule(role=Role.VIEWER, reach=Reach.OPEN)

RULES: Mapping[str, Rule] = {
    # How the hub is.
    "GET /livez": _ANYBODY,
    "GET /healthz": _ANYBODY,
    "GET /readyz": _ANYBODY,
    "GET /metrics": _sees(Reach.FLEET),
    "GET /openapi.json": _sees(Reach.SAME),
    "GET /api/v1/version": _sees(Reach.SAME),
    "GET /api/v1/health": _sees(Reach.SAME),
    "GET /api/v1/changes": _sees(Reach.SAME),
    # Boxes that come: what they show is judged by the routes themselves.
    "GET /ca.pem": _ANYBODY,
    "POST /api/v1/join": _ANYBODY,
    "POST /api/v1/renew": _ANYBODY,
    "GET /api/v1/join-tokens": _sees(Reach.NARROWED, Role.OPERATOR),
    # Of a node that is there only an admin may make one: the route itself sees to it.
    "POST /api/v1/join-tokens": _changes(Reach.NARROWED, body_bytes=256 * KIB),
    "DELETE /api/v1/join-tokens/{token}": _changes(Reach.NARROWED),
    "GET /api/v1/enrollments": _sees(Reach.FLEET),
    "GET /api/v1/nodes/{node}/enrollment": _sees(Reach.NODE),
    "POST /api/v1/nodes/{node}/revoke": _changes(Reach.NODE),
    "GET /api/v1/order-keys": _sees(Reach.FLEET),
    "POST /api/v1/order-keys/rotate": _changes(Reach.FLEET, Role.ADMIN),
    "POST /api/v1/order-keys/retire": _changes(Reach.FLEET, Role.ADMIN),
    # The second person's signatures: whoever brings them need not be he.
    "GET /api/v1/approvals": _sees(Reach.FLEET),
    "GET /api/v1/approvals/wanted": _sees(Reach.FLEET),
    "POST /api/v1/approvals/contents": _sees(Reach.FLEET, body_bytes=FILES_BYTES),
    "POST /api/v1/approvals": _changes(Reach.FLEET, body_bytes=FILES_BYTES),
    # Nodes.
    "GET /api/v1/nodes": _sees(Reach.NARROWED),
    "GET /api/v1/nodes/{node}": _sees(Reach.NODE),
    "DELETE /api/v1/nodes/{node}": _changes(Reach.NODE),
    "GET /api/v1/nodes/{node}/top": _sees(Reach.NODE),
    "POST /api/v1/nodes/{node}/labels": _changes(Reach.NODE, body_bytes=256 * KIB),
    "POST /api/v1/nodes/{node}/taints": _changes(Reach.NODE),
    "POST /api/v1/nodes/{node}/cordon": _changes(Reach.NODE),
    "POST /api/v1/nodes/{node}/uncordon": _changes(Reach.NODE),
    "POST /api/v1/nodes/{node}/drain": _changes(Reach.NODE),
    "POST /api/v1/nodes/{node}/probe": _changes(Reach.NODE),
    "POST /api/v1/nodes/{node}/overwrite": _changes(Reach.NODE),
    "POST /api/v1/nodes/{node}/adopt": _changes(Reach.FLEET),
    "POST /api/v1/nodes/{node}/trust-key": _changes(Reach.NODE, Role.ADMIN),
    "GET /api/v1/devices": _sees(Reach.NARROWED),
    "GET /api/v1/events": _sees(Reach.NARROWED),
    "GET /api/v1/round-trips": _sees(Reach.NARROWED),
    # Instances.
    "GET /api/v1/instances": _sees(Reach.NARROWED),
    "GET /api/v1/instances/{instance}/logs": _sees(Reach.INSTANCE),
    "POST /api/v1/instances/{instance}/exec": _changes(
        Reach.INSTANCE, body_bytes=512 * KIB, private=True
    ),
    "POST /api/v1/instances/{instance}/restart": _changes(Reach.INSTANCE),
    # What is typed, of a session that was begun, and audited, by the route above.
    "PUT /api/v1/sessions/{session}/input/{number}": _sees(Reach.NARROWED, Role.OPERATOR),
    # Workloads.
    "POST /api/v1/plan": _sees(Reach.NARROWED, body_bytes=FILES_BYTES),
    "POST /api/v1/apply": _changes(Reach.NARROWED, body_bytes=FILES_BYTES),
    "GET /api/v1/workloads": _sees(Reach.NARROWED),
    "GET /api/v1/workloads/{workload}": _sees(Reach.WORKLOAD),
    "DELETE /api/v1/workloads/{workload}": _changes(Reach.WORKLOAD),
    "GET /api/v1/workloads/{workload}/explain": _sees(Reach.WORKLOAD),
    "GET /api/v1/workloads/{workload}/revisions": _sees(Reach.WORKLOAD),
    "GET /api/v1/workloads/{workload}/revisions/{number}": _sees(Reach.WORKLOAD),
    "GET /api/v1/rollouts": _sees(Reach.NARROWED),
    "GET /api/v1/workloads/{workload}/rollout": _sees(Reach.WORKLOAD),
    "POST /api/v1/workloads/{workload}/rollout/pause": _changes(Reach.WORKLOAD),
    "POST /api/v1/workloads/{workload}/rollout/resume": _changes(Reach.WORKLOAD),
    "POST /api/v1/workloads/{workload}/rollout/undo": _changes(Reach.WORKLOAD),
    # What holds for the whole fleet.
    "GET /api/v1/documents": _sees(Reach.FLEET),
    "GET /api/v1/documents/{kind}/{name}": _sees(Reach.FLEET),
    "GET /api/v1/documents/{kind}/{name}/history": _sees(Reach.FLEET),
    "PUT /api/v1/documents/{kind}/{name}": _changes(Reach.FLEET, body_bytes=FILES_BYTES),
    "DELETE /api/v1/documents/{kind}/{name}": _changes(Reach.FLEET),
    "GET /api/v1/decisions": _sees(Reach.FLEET),
    "GET /api/v1/decisions/{seq}": _sees(Reach.FLEET),
    "GET /api/v1/decisions/{seq}/replay": _sees(Reach.FLEET),
    "GET /api/v1/snapshot": _sees(Reach.FLEET),
    "POST /api/v1/rebalance/plan": _sees(Reach.FLEET, Role.OPERATOR),
    "POST /api/v1/rebalance/check": _sees(Reach.FLEET, Role.OPERATOR, FILES_BYTES),
    "POST /api/v1/rebalance/moves": _changes(Reach.FLEET, body_bytes=FILES_BYTES),
    # Secrets: their names, sizes and users; a content never goes out.
    "GET /api/v1/secrets": _sees(Reach.FLEET, Role.OPERATOR),
    "GET /api/v1/secrets/{name}": _sees(Reach.FLEET, Role.OPERATOR),
    "POST /api/v1/secrets/{name}": _changes(Reach.FLEET, private=True),
    "DELETE /api/v1/secrets/{name}": _changes(Reach.FLEET),
    "GET /api/v1/registries": _sees(Reach.FLEET, Role.OPERATOR),
    "POST /api/v1/registries/{registry}": _changes(Reach.FLEET, private=True),
    "DELETE /api/v1/registries/{registry}": _changes(Reach.FLEET),
    # Who may ask.
    "GET /api/v1/whoami": _sees(Reach.SAME),
    "GET /api/v1/access": _sees(Reach.FLEET, Role.ADMIN),
    "POST /api/v1/access": _changes(Reach.FLEET, Role.ADMIN),
    "DELETE /api/v1/access/{token}": _changes(Reach.FLEET, Role.ADMIN),
    "GET /api/v1/audit": _sees(Reach.FLEET, Role.ADMIN),
}
"""By method and route, as the OpenAPI document has it."""
