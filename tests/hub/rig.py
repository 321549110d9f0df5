"""A service on a real store, with a fake broker, driven as nodes and operators do."""

import threading

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from tests.hub.fake_broker import FakeBroker
from tests.hub.records import NOW, capability, presence, report

from lab.processes import wait_for
from skerry_hub import desired, metrics, secret_key
from skerry_hub.broker import Ears
from skerry_hub.keys import OrderKey
from skerry_hub.patience import Patience
from skerry_hub.store_opening import open_store
from skerry_hub.writer.service import Service
from skerry_wire import codec, envelope
from skerry_wire.capability import Capability
from skerry_wire.messages import Envelope, Event, Presence, Reply

TOPICS = {Presence: "presence", Capability: "capability", Event: "event", Reply: "reply"}
PATIENT = Patience(unreachable_s=3600, lost_s=36_000)


class Databases:
    """Where a rig keeps its state: a file in its folder, or what a server makes for that folder.

    Tables are made once: each new file is a copy of the first.
    """

    def __init__(self):
        self.make = None
        self._made = {}
        self._empty = None

    def url(self, folder):
        if self.make is not None:
            if folder not in self._made:
                self._made[folder] = self.make(f"rig_{len(self._made)}")
            return self._made[folder]
        path = folder / "hub.db"
        if not path.exists():
            path.write_bytes(self._tables(folder))
        return f"sqlite:///{path}"

    def _tables(self, folder):
        if self._empty is None:
            path = folder / "empty.db"
            open_store(f"sqlite:///{path}").close()
            self._empty = path.read_bytes()
            path.unlink()
        return self._empty


DATABASES = Databases()


class Rig:
    """One life of a hub. Another one on the same folder is the next."""

    def __init__(self, folder, key=None, patience=PATIENT, store=None):
        self.store = store or open_store(DATABASES.url(folder))
        self.key = key or OrderKey(Ed25519PrivateKey.generate())
        self.secret_key = secret_key.load_or_make(folder)
        self.service = Service(self.store, self.key, patience, secret_key=self.secret_key)
        self.broker = FakeBroker(
            Ears(
                heartbeat=self.service.on_heartbeat,
                message=self.service.on_message,
                connected=self.service.on_connected,
                disconnected=self.service.on_disconnected,
                published=self.service.on_published,
            )
        )

    def start(self):
        self.service.start(self.broker)
        self.broker.start()
        return self

    def stop(self):
        self.service.stop()
        self.store.close()

    # --- nodes ------------------------------------------------------------------------

    def say(self, node, message, retained=False, on_ack=lambda: None, expires_in_s=None):
        """Send a message of a node; what is returned is set at its acknowledgement."""
        acknowledged = threading.Event()

        def ack():
            on_ack()
            acknowledged.set()

        topic = f"skerry/v1/nodes/{node}/{TOPICS.get(type(message), 'report')}"
        self.service.on_message(topic, codec.encode(message), ack, retained, expires_in_s)
        return acknowledged

    def beat(self, node, message):
        self.service.on_heartbeat(f"skerry/v1/nodes/{node}/heartbeat", codec.encode(message))

    def join(self, *nodes, seq=1, accepted=0, retained=False, **fields):
        """Let nodes say what they say at each connection, and wait until that is durable."""
        for node in nodes:
            self.say(node, presence(seq=seq), retained)
            self.say(node, capability(seq=seq, hostname=f"host-{node}"), retained)
            said = self.say(node, report(seq=seq, accepted=accepted, **fields), retained)
            assert said.wait(20)

    # --- operators --------------------------------------------------------------------

    def apply(self, *workloads, dry=False):
        return self.service.call(lambda work: desired.apply(work, workloads, prune=False), dry=dry)

    # --- looking ----------------------------------------------------------------------

    def node(self, name="box-1"):
        return self.service.known.nodes.get(name)

    def orders(self, node="box-1"):
        """Return the orders that were published for a node so far, opened."""
        found = self.broker.payloads(f"skerry/v1/nodes/{node}/order")
        return [envelope.open_payload(codec.decode(Envelope, one)) for one in found if one]

    def idle(self):
        """Wait until the writer has done all that was before this, and what that made due.

        A rollout whose step took long is left alone for a while, and comes after that.
        """
        self.service.call(lambda work: None, dry=True)
        if self.service.connected:
            until("the rollouts' steps", lambda: not self.service._rolling.told)
        self.service.call(lambda work: None, dry=True)


def count(topic, result):
    return metrics.MESSAGES.labels(topic, result)._value.get()


def until(what, look, timeout_s=20):
    return wait_for(what, look, timeout_s)


__all__ = ["NOW", "Rig", "count", "until"]
