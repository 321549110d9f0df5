"""Takes the hub's grants: each answers a challenge of this box, once, and counts from that."""

from __future__ import annotations

from skerry_executor import admission, lease, state
from skerry_executor.challenges import Challenges
from skerry_executor.key_ring import trusted_keys
from skerry_executor.leasing import Leasing
from skerry_executor.log import log
from skerry_executor.order import Identity
from skerry_executor.settings import Settings
from skerry_executor.state import StateError
from skerry_executor.talk import Talk
from skerry_wire.local import ExecutorRequest


class Grants:
    """Those of one box."""

    def __init__(self, settings: Settings, leasing: Leasing) -> None:
        self._settings = settings
        self._leasing = leasing
        self._challenges = Challenges(settings.run, settings.root)

    def answer(self, asked: ExecutorRequest, talk: Talk) -> None:
        """Renew the leases of a grant, or say why it is refused."""
        try:
            found = self._renewed(asked)
        except StateError as error:
            found = str(error)
        if isinstance(found, str):
            log("warning", "grant refused", reason=found)
            talk.refused(found)
            return
        if found:
            log("info", "leased", instances=",".join(sorted(found)))
        talk.renewed(visit=bool(found))

    def _renewed(self, asked: ExecutorRequest) -> frozenset[str] | str:
        """Return the instances that may start only now. Raises StateError."""
        accepted = state.load(self._settings.state)
        identity = Identity(node=asked.node, incarnation=asked.incarnation)
        if accepted is None or accepted.identity != identity:
            return f"this executor has accepted no order for node {asked.node}"
        keys = trusted_keys(self._settings).by_id
        grant = lease.verified(asked.grant or b"", keys, identity)
        if isinstance(grant, str):
            return grant
        issued = self._challenges.redeem(grant.challenge, "lease")
        if issued is None:
            return "it answers no challenge of this box, or one that was answered or is over"
        order = admission.order_of(accepted)
        return self._leasing.renew(grant, issued.at_s, order.instances)
