"""What the hub signs for a box, and what a second person signs, with something changed.

Each is offered to the executor's own code, as its socket hands it over: with real keys on a real
disk, whose state says what was accepted. What was changed need not be refused for its signature: a
part of one in another, an old one again, one for another box, all are attempts.
"""

from __future__ import annotations

import base64
import contextlib
import dataclasses
import io
import pathlib
import random
from collections.abc import Callable

import nacl.signing

from lab import tampering
from skerry_executor import admission, lease, request, state
from skerry_executor.approvals import lacking
from skerry_executor.key_changes import KeyRing, taken
from skerry_executor.keys import read_keys
from skerry_executor.order import Identity
from skerry_executor.settings import Settings
from skerry_wire import approval, codec, envelope
from skerry_wire.errors import WireError
from skerry_wire.local import ExecutorRequest
from skerry_wire.messages import Envelope, Grant, InstanceRequest, Order, Target, Targets
from skerry_wire.order_keys import KeyChange, KeyChanges
from skerry_wire.workload import Container, Instance

NODE, INCARNATION = "box-1", "00112233445566778899aabbccddeeff"
IDENTITY = Identity(node=NODE, incarnation=INCARNATION)
GOOD = 20
HUB, STRANGER, SECOND = (nacl.signing.SigningKey(bytes([n]) * 32) for n in (1, 2, 3))
HELD = 1_000
"""The generation that the box has accepted, and the number of the change of keys that it has."""


def id_of(key: nacl.signing.SigningKey) -> str:
    """Return the name of a key."""
    return envelope.key_id_of(bytes(key.verify_key))


Seal = Callable[..., Envelope]


def signed(seal: Seal, message: object, key: nacl.signing.SigningKey = HUB) -> bytes:
    """Return the bytes of an envelope."""
    return codec.encode(seal(message, id_of(key), lambda data: key.sign(data).signature))


def instance(number: int, **changes: object) -> Instance:
    """Return an instance, each number another one."""
    container = Container(
        name="web", image=f"localhost/web:{number}", environment={"NUMBER": str(number)}
    )
    return Instance(
        id=f"shop-web-{number}",
        workload="shop-web",
        revision=f"{number:016x}",
        containers=(container,),
        **changes,  # type: ignore[arg-type]
    )


def order(number: int, **changes: object) -> Order:
    """Return an order for this box; larger ones travel compressed."""
    fields = {"node": NODE, "incarnation": INCARNATION, "generation": HELD + number, **changes}
    instances = tuple(instance(n) for n in range(1 + number % 9))
    return Order(issued_at=1.0, instances=instances, **fields)  # type: ignore[arg-type]


class Changed:
    """Good messages of one kind, and ways to change one: in its bytes, or in its parts."""

    def __init__(self, good: list[bytes], others: list[bytes]) -> None:
        """`others` are good ones of which parts are taken: of other kinds, boxes and keys."""
        self.good = good
        self._others = [*good, *others]
        self._known = {
            (one.type, one.key_id, one.payload, one.signature) for one in map(_opened, good)
        }

    def one(self, chance: random.Random) -> bytes:
        """Return a message that is none of the good ones, whatever is said in other bytes too."""
        while True:
            how = chance.random()
            if how < 0.5:
                found = tampering.data(chance.choice(self.good), self._others, chance)
            else:
                found = self._of_parts(chance)
            if not self._is_good(found):
                return found

    def _of_parts(self, chance: random.Random) -> bytes:
        """Return an envelope with one part changed, or taken of another."""
        one, other = (_opened(chance.choice(each)) for each in (self.good, self._others))
        part = chance.choice(("type", "key_id", "payload", "signature"))
        value = getattr(other, part)
        if part in ("payload", "signature") and chance.random() < 0.7:
            old = getattr(one, part)
            value = tampering.data(old, [getattr(other, part)], chance) if old else value
        return codec.pack(dataclasses.replace(one, **{part: value}))

    def _is_good(self, data: bytes) -> bool:
        try:
            one = codec.decode(Envelope, data)
        except WireError:
            return False
        return (one.type, one.key_id, one.payload, one.signature) in self._known


def _opened(data: bytes) -> Envelope:
    return codec.decode(Envelope, data)


def _strangers() -> list[bytes]:
    """Return what is well signed and yet not for this box, or nothing that it may take."""
    return [
        signed(envelope.seal, order(1), STRANGER),
        signed(envelope.seal, order(1, node="box-2")),
        signed(envelope.seal, order(1, incarnation="f" * 32)),
        signed(envelope.seal, order(0, generation=HELD - 1)),
        signed(envelope.seal_targets, Targets(node="box-2", issued_at=1.0)),
        signed(envelope.seal_grant, _grant(1, node="box-2")),
        signed(envelope.seal_key_change, _change(1), STRANGER),
        signed(envelope.seal_approval, _approval(1), STRANGER),
        signed(envelope.seal_request, _wish(1, node="box-2")),
    ]


class _Kind:
    """One kind of message, and the box that takes it."""

    count = GOOD

    def __init__(self, folder: pathlib.Path) -> None:
        keys, approvers = folder / "keys", folder / "approval-keys"
        for place, key in ((keys, HUB), (approvers, SECOND)):
            place.mkdir()
            text = base64.b64encode(bytes(key.verify_key)).decode()
            (place / "one.pub").write_text(text)
        (folder / "policy.toml").write_text(self.policy())
        self.settings = Settings(
            state=folder / "state",
            run=folder / "run",
            policy=folder / "policy.toml",
            keys=keys,
            approval_keys=approvers,
        )
        self.keys = read_keys(keys).by_id
        self.changed = Changed(
            [self.good(number) for number in range(1, self.count + 1)], _strangers()
        )

    @staticmethod
    def policy() -> str:
        """Return the box's policy."""
        return '[images]\nallow = ["localhost"]\n'

    def good(self, number: int) -> bytes:
        """Return a good message."""
        raise NotImplementedError

    def takes(self, data: bytes) -> bool:
        """Say whether the box takes a message."""
        raise NotImplementedError

    def attempt(self, chance: random.Random) -> str | None:
        """Offer a changed one."""
        data = self.changed.one(chance)
        return data.hex() if self.takes(data) else None

    def accepts_good(self) -> bool:
        """Say whether the good ones are taken."""
        return all(map(self.takes, self.changed.good))

    def close(self) -> None:
        """End: there is nothing to."""


class Orders(_Kind):
    """Orders, with what the box accepted before on its disk; nothing may be kept of a changed one."""

    def good(self, number: int) -> bytes:
        """Return an order."""
        return signed(envelope.seal, order(number))

    def takes(self, data: bytes) -> bool:
        """Say whether the executor accepts an order, by its answer or by what it keeps."""
        folder = self.settings.state
        self._forget()
        with contextlib.redirect_stderr(io.StringIO()):  # it logs each refusal
            found = admission.admit(
                ExecutorRequest(node=NODE, incarnation=INCARNATION, order=data), self.settings
            )
        kept = state.load(folder)
        return found.refusal is None or kept is None or kept.generation != HELD

    def _forget(self) -> None:
        before = state.load(self.settings.state)
        if before is None or before.generation != HELD:
            state.save(
                self.settings.state,
                state.Accepted(
                    node=NODE, incarnation=INCARNATION, generation=HELD, digest="0" * 64,
                    envelope=signed(envelope.seal, order(0)),
                ),
            )  # fmt: skip


class KeysOfOrders(_Kind):
    """Changes of order keys, alone and in messages of several."""

    def good(self, number: int) -> bytes:
        """Return a change."""
        return signed(envelope.seal_key_change, _change(number))

    def takes(self, data: bytes) -> bool:
        """Say whether the box trusts another key after it."""
        before = KeyRing(sequence=HELD)
        found = taken(codec.pack(KeyChanges(changes=(data[:2048],))), before, self.keys)
        whole = taken(data, before, self.keys)
        return any(not isinstance(one, str) and one.ring != before for one in (found, whole))


class TargetLists(_Kind):
    """Targets of round-trip times."""

    def good(self, number: int) -> bytes:
        """Return a list of one."""
        one = Target(name="endpoint/erp", host=f"erp-{number}.example", port=443)
        return signed(envelope.seal_targets, Targets(node=NODE, issued_at=1.0, targets=(one,)))

    def takes(self, data: bytes) -> bool:
        """Say whether the executor says that they are the hub's."""
        asked = ExecutorRequest(node=NODE, incarnation=INCARNATION)
        return isinstance(admission.targets_of(asked, data, self.settings), Targets)


def _grant(number: int, **changes: object) -> Grant:
    fields = {"node": NODE, "incarnation": INCARNATION, **changes}
    challenge = number.to_bytes(32, "big")
    return Grant(challenge=challenge, instances={"shop-web-1": 60.0 + number}, **fields)  # type: ignore[arg-type]


class Grants(_Kind):
    """Grants of leases. That each counts once is the challenge's affair, and not tried here."""

    def good(self, number: int) -> bytes:
        """Return a grant."""
        return signed(envelope.seal_grant, _grant(number))

    def takes(self, data: bytes) -> bool:
        """Say whether it is verified."""
        return isinstance(lease.verified(data, self.keys, IDENTITY), Grant)


def _wish(number: int, **changes: object) -> InstanceRequest:
    fields = {"node": NODE, "incarnation": INCARNATION, **changes}
    return InstanceRequest(
        challenge=number.to_bytes(32, "big"),
        answer_key=bytes(32),
        verb="exec",
        instance="shop-web-1",
        command=("/bin/true", str(number)),
        **fields,  # type: ignore[arg-type]
    )


class Requests(_Kind):
    """Requests about instances, as they are once the box has opened them."""

    def good(self, number: int) -> bytes:
        """Return a request."""
        return signed(envelope.seal_request, _wish(number))

    def takes(self, data: bytes) -> bool:
        """Say whether it is verified."""
        return isinstance(request.verify(data, self.keys, IDENTITY), InstanceRequest)


def _change(number: int) -> KeyChange:
    return KeyChange(
        sequence=HELD + number, trusted=(number.to_bytes(32, "big"),), retired=(b"\x09" * 32,)
    )


def _approval(number: int) -> approval.Approval:
    return approval.approval_of(approval.of_instance(instance(number)), 1.0)


class Approvals(_Kind):
    """Approvals, offered with what they are for, and with something else."""

    count = 5

    def good(self, number: int) -> bytes:
        """Return an approval."""
        return signed(envelope.seal_approval, _approval(number), SECOND)

    def takes(self, data: bytes) -> bool:
        """Say whether anything that a good one is for may run by it."""
        approvers = read_keys(self.settings.approval_keys).by_id
        wanted = tuple(
            instance(number, approvals=(data[: approval.MAX_APPROVAL_BYTES],))
            for number in range(1, self.count + 1)
        )
        asked = dataclasses.replace(order(0), instances=wanted)
        return len(dict(lacking(asked, approvers))) < len(wanted)
