"""The door to a real broker: what is revoked is out, for good, whatever was away meanwhile."""

import os
import pathlib
import shutil
import time

import pytest

from lab.processes import free_port, wait_for
from lab.secured import Certificates, Client
from skerry_hub import mosquitto_conf, readers
from skerry_hub.broker_connection import Trust
from skerry_hub.broker_door import Books, BrokerDoor, Own
from skerry_hub.broker_url import broker_at
from skerry_hub.mosquitto import Mosquitto
from skerry_hub.pki import own_certificates
from skerry_hub.pki.leaves import BROKER_NAME
from skerry_hub.store_error import StoreError
from skerry_wire import topics
from skerry_wire.topics import NodeTopic

pytestmark = pytest.mark.skipif(
    not shutil.which("mosquitto", path=f"{os.environ['PATH']}:/usr/sbin"),
    reason="mosquitto is not installed; ./dev test installs it",
)
YEAR_S = 365 * 86_400.0
NAMES = ("localhost", "127.0.0.1")


class Site:
    """A hub's data folder with its own broker, what a store would keep, and doors to it."""

    def __init__(self, folder, *, secured=True):
        self.data = folder / "data"
        self.certificates = Certificates(folder / "certificates")
        self.authority = self.certificates.authority
        self.port = free_port()
        self.serials, self.cleared = [], []
        self.revoked, self.replaced, self.ended = {}, {}, {}
        self.store_fails = False
        self.secured = secured
        own_certificates.renew(self.data, self.authority, NAMES, time.time(), YEAR_S)
        self.conf = mosquitto_conf.secured("127.0.0.1", self.port) if secured else None
        self.broker = Mosquitto(self.data / "mosquitto", self.port, conf=self.conf)
        self.reload = self.broker.reload
        self.doors = []

    def door(self):
        for former in self.doors:
            former.stop()
        scheme = "mqtts" if self.secured else "mqtt"
        own = Own(
            data=self.data,
            folder=self.data / "mosquitto",
            conf=self.conf or "",
            reload=lambda: self.reload(),  # noqa: PLW0108 - it changes
        )
        books = Books(
            serials=lambda: self._asked(self.serials),
            revoked=lambda: self._asked(self.revoked),
            replaced=lambda: self._asked(self.replaced),
            ended=lambda: self._asked(self.ended),
            keep_ended=lambda marks: setattr(self, "ended", dict(marks)),
            clear=self.cleared.append,
        )
        door = BrokerDoor(
            broker_at(f"{scheme}://127.0.0.1:{self.port}"),
            Trust(ca=self.certificates.ca, name=BROKER_NAME),
            self.authority if self.secured else None,
            own if self.secured else None,
            books,
        )
        door.prepare()
        self.doors.append(door)
        return door

    def _asked(self, found):
        if self.store_fails:
            raise StoreError("the database cannot be used")
        return found

    def revoke(self, node):
        serial = self.certificates.serial(self.certificates.node(node))
        self.serials.append((serial, time.time()))
        self.revoked[node] = time.time()  # not before: in a store it is one transaction
        self.doors[-1].revoked(node)

    def replace(self, node, *, tell=True):
        """Give a node another key: the former one's certificate is revoked."""
        serial = self.certificates.serial(self.certificates.node(node))
        (self.certificates.folder / f"{node}.pem").unlink()
        self.serials.append((serial, time.time()))
        self.replaced[node] = time.time()
        if tell:
            self.doors[-1].replaced(node)

    def client(self, node, **how):
        return Client(self, self.certificates.node(node), client_id=node, **how)

    def kept(self):
        """Return what the broker keeps of nodes."""
        found = {}
        for who in (self.certificates.hub(), self.certificates.beats()):
            looking = Client(self, who)
            looking.hear("skerry/v1/nodes/#")
            found |= {topic: payload for topic, payload, _ in looking.drain()}
            looking.stop()
        return found

    def until_ended(self, node):
        wait_for(f"the session of {node} to be ended", lambda: node in self.ended)

    def stop(self):
        for door in self.doors:
            door.stop()
        self.broker.stop()


@pytest.fixture
def site(tmp_path):
    site = Site(tmp_path)
    door = site.door()
    site.broker.start()
    door.start()
    yield site
    site.stop()


def leave_all(client, node):
    """Retain something on every topic that a box may write."""
    for topic in NodeTopic:
        if topic not in topics.TO_NODES:
            assert client.say(str(topics.Node(node, topic)), b"mine", retain=True) < 128


def test_a_revoked_box_is_out_stays_out_and_nothing_is_kept_of_it(site):
    box, other = site.client("box-1", clean=False), site.client("box-2")
    box.hear("skerry/v1/nodes/box-1/order")
    leave_all(box, "box-1")
    leave_all(other, "box-2")
    site.revoke("box-1")
    site.until_ended("box-1")
    assert not box.alive
    assert other.alive
    assert site.client("box-1").refused
    own = {topic for topic in site.kept() if "/box-1/" in topic}
    assert own == set()
    assert [topic for topic in site.kept() if "/box-2/" in topic]
    (cleared,) = site.cleared
    assert set(cleared) == {str(topics.Node("box-1", topic)) for topic in NodeTopic}
    other.stop()


def test_who_is_revoked_while_the_broker_is_away_is_out_once_it_is_back(site):
    leaving = site.client("box-1", clean=False)
    leave_all(leaving, "box-1")
    site.broker.stop()
    site.revoke("box-1")
    time.sleep(0.5)
    assert site.ended == {}
    site.broker = Mosquitto(site.data / "mosquitto", site.port, conf=site.conf)
    site.reload = site.broker.reload
    site.broker.start()
    site.until_ended("box-1")
    assert site.client("box-1").refused
    assert site.kept() == {}


def test_a_hub_that_ended_before_it_was_done_does_it_at_its_next_start(site):
    site.doors[-1].stop()
    box = site.client("box-1")
    site.revoked["box-1"] = time.time()
    serial = site.certificates.serial(site.certificates.node("box-1"))
    site.serials.append((serial, time.time()))
    site.door().start()
    site.until_ended("box-1")
    assert not box.alive
    assert site.client("box-1").refused


def test_no_session_is_ended_before_the_broker_has_read_the_list(site):
    """Else the box would come again with the certificate that it has."""
    site.reload = lambda: None
    box = site.client("box-1")
    site.revoke("box-1")
    time.sleep(3)
    assert box.alive
    assert site.ended == {}
    site.reload = site.broker.reload
    site.broker.reload()
    site.until_ended("box-1")
    assert site.client("box-1").refused


def test_a_list_of_readers_that_cannot_be_read_keeps_no_one_in_and_is_told(site):
    door = site.doors[-1]
    assert (door.part.name, door.part.ok) == ("access", True)
    readers.add(site.data, "grafana")
    (site.data / own_certificates.FOLDER / readers.FILE).write_text("NO READER\n")
    box = site.client("box-1")
    site.revoke("box-1")
    site.until_ended("box-1")
    assert not box.alive
    assert site.client("box-1").refused
    assert (door.part.ok, "the list of readers cannot be read" in door.part.reason) == (False, True)
    (site.data / own_certificates.FOLDER / readers.FILE).write_text("")
    wait_for("all to be well", lambda: door.part.ok)
    assert door.part.reason is None


def test_until_who_was_revoked_is_out_the_hub_says_that_he_is_not(site):
    site.reload = lambda: None
    site.client("box-2").stop()  # it listens before it has read the list that there is
    site.revoke("box-1")
    wait_for("it to be told", lambda: not site.doors[-1].part.ok)
    assert "a session cannot be ended yet" in site.doors[-1].part.reason
    site.reload = site.broker.reload
    site.until_ended("box-1")
    wait_for("all to be well", lambda: site.doors[-1].part.ok)


def test_a_store_that_fails_for_a_while_is_asked_again(site):
    site.store_fails = True
    site.revoke("box-1")
    time.sleep(0.5)
    site.store_fails = False
    site.until_ended("box-1")
    assert site.client("box-1").refused


def test_who_joins_again_comes_in_with_a_new_certificate(site):
    site.revoke("box-1")
    site.until_ended("box-1")
    (site.certificates.folder / "box-1.pem").unlink()
    del site.revoked["box-1"]
    site.doors[-1].admitted("box-1")
    box = site.client("box-1")
    assert box.refused is None
    site.doors[-1].list_changed()
    time.sleep(0.5)
    assert box.alive
    box.stop()


@pytest.mark.parametrize("restarted", [False, True], ids=["at once", "by the hub's next start"])
def test_a_key_that_was_replaced_is_out_and_the_new_one_goes_on(site, restarted):
    if restarted:
        site.doors[-1].stop()
    old = site.certificates.node("box-1")
    kept = old.with_name("old.pem")
    box = Client(site, old, client_id="box-1", clean=False)
    leave_all(box, "box-1")
    said = site.kept()
    kept.write_bytes(old.read_bytes())
    site.replace("box-1", tell=not restarted)
    if restarted:
        site.door().start()
    site.until_ended("box-1")
    assert not box.alive
    assert Client(site, kept, client_id="box-1").refused
    new = site.client("box-1")
    assert new.refused is None
    # What the hub and the new key say is not taken away, nor is its session ended again.
    assert site.kept() == said
    assert site.cleared == []
    site.doors[-1].list_changed()
    time.sleep(1)
    assert new.alive
    new.stop()


def test_who_was_shut_out_just_after_the_list_was_written_is_on_the_next_before_his_end(site):
    """Else the broker would still let his certificate in, and nobody would end that session."""
    certificate = site.certificates.node("box-1")
    box = site.client("box-1")
    site.revoked["box-1"] = time.time()
    site.serials.append((site.certificates.serial(certificate), time.time()))
    site.doors[-1]._wake.set()  # it looks for sessions, and believes that its list is new
    site.until_ended("box-1")
    assert not box.alive
    assert site.client("box-1").refused


def test_many_are_revoked_at_once(site):
    boxes = [site.client(f"box-{n}") for n in range(20)]
    for n in range(20):
        site.revoke(f"box-{n}")
    wait_for("all to be out", lambda: len(site.ended) == 20)
    assert not any(box.alive for box in boxes)


def test_readers_that_are_added_and_removed_are_taken_up(site):
    readers.add(site.data, "grafana")
    hub = Client(site, site.certificates.hub())

    def hears():
        reader = Client(site, site.certificates.reader("grafana"))
        reader.hear("skerry/v1/fleet/+")
        hub.say("skerry/v1/fleet/box-1", b"x")
        heard = reader.drain(0.1)
        reader.stop()
        return bool(heard)

    wait_for("the reader to hear", hears)
    readers.remove(site.data, "grafana")
    wait_for("the reader to hear no more", lambda: not hears())
    former = Client(site, site.certificates.reader("grafana"))
    assert former.say("skerry/v1/nodes/skerry:reader:grafana/report") == 135, "it is not allowed"
    former.stop()
    hub.stop()


def test_a_renewed_certificate_of_the_broker_is_shown(site):
    box = site.client("box-1")
    path = site.data / "tls" / "broker.pem"
    before = path.read_bytes()
    path.unlink()
    changed = own_certificates.renew(site.data, site.authority, NAMES, time.time(), YEAR_S)
    site.doors[-1].certificates_changed(changed)
    served = site.data / "mosquitto" / "broker.pem"
    wait_for("it to be there", lambda: served.read_bytes() not in (before, b""))
    assert served.read_bytes() == path.read_bytes()
    assert box.alive
    assert site.client("box-2").refused is None
    box.stop()


def test_no_key_stays_on_the_disk(site):
    site.revoke("box-1")
    site.until_ended("box-1")
    left = {one.name for one in (site.data / "tls").iterdir()}
    assert left == {"hub.pem", "hub-beats.pem", "broker.pem"}


def test_on_a_broker_without_certificates_a_session_is_ended_by_its_name(tmp_path):
    import paho.mqtt.client as paho  # noqa: PLC0415
    from paho.mqtt.enums import CallbackAPIVersion  # noqa: PLC0415

    site = Site(tmp_path, secured=False)
    site.broker.start()
    try:
        site.door().start()
        client = paho.Client(CallbackAPIVersion.VERSION2, "box-1", protocol=paho.MQTTv5)
        ended = []
        client.on_disconnect = lambda *_: ended.append(True)
        client.connect("127.0.0.1", site.port)
        client.loop_start()
        wait_for("the box to be there", client.is_connected)
        site.revoke("box-1")
        site.until_ended("box-1")
        wait_for("the end of its session", lambda: ended)
        client.loop_stop()
    finally:
        site.stop()
    assert pathlib.Path(site.data).exists()
