"""Boxes on a fake broker that do what they are ordered, when a test lets them."""

from tests.hub.records import report, status

from skerry_wire import envelope
from skerry_wire.codec import decode
from skerry_wire.lifecycle import UpdateStatus
from skerry_wire.messages import Envelope


class Boxes:
    """They report the revisions of their orders as running, but of those that they refuse."""

    def __init__(self, rig, *names):
        self.rig, self.names = rig, names
        self.seq = 1
        self.runs = {name: {} for name in names}
        self.bad = set()
        """Images that never come up: their boxes go back to what ran before."""
        rig.join(*names)

    def orders(self, name):
        sealed = self.rig.broker.payloads(f"skerry/v1/nodes/{name}/order")[-1]
        return envelope.open_payload(decode(Envelope, sealed)), decode(Envelope, sealed)

    def obey(self, *names):
        """Let boxes take their newest orders, and report."""
        self.seq += 1
        for name in names or self.names:
            order, sealed = self.orders(name)
            wanted = {one.id: one for one in order.instances}
            runs = {key: one for key, one in self.runs[name].items() if key in wanted}
            statuses = []
            for key, one in wanted.items():
                image = one.containers[0].image
                if image in self.bad:
                    told = UpdateStatus(revision=one.revision, state="rolled_back", reason="bad")
                    before = runs.get(key)
                    statuses.append(status(key, revision=before and before[0], update=told))
                    continue
                runs[key] = one.revision, image
                statuses.append(status(key, revision=one.revision))
            self.runs[name] = runs
            said = report(
                seq=self.seq,
                accepted=order.generation,
                digest=envelope.digest_of(sealed.payload),
                instances=tuple(statuses),
            )
            assert self.rig.say(name, said).wait(20)
        self.rig.idle()

    def ordered(self):
        """Return the images in the boxes' newest orders, by instance."""
        return {
            one.id: one.containers[0].image
            for name in self.names
            for one in self.orders(name)[0].instances
        }
