"""Boxes of a fleet neither read nor write each other's topics: on a real mosquitto, every topic.

What the broker must refuse is asked for in every way that MQTT has. That a message did not come is
seen by one sent after it which did: a broker keeps the order of what one client says.
"""

import contextlib
import os
import shutil
import signal
import socket
import ssl
import time

import paho.mqtt.client as paho
import pytest

from lab.processes import wait_for
from lab.secured import Client, SecuredBroker
from skerry_hub.broker_access import ACCESS, Role, rights
from skerry_wire import topics
from skerry_wire.topics import NodeTopic

pytestmark = pytest.mark.skipif(
    not shutil.which("mosquitto", path=f"{os.environ['PATH']}:/usr/sbin"),
    reason="mosquitto is not installed; ./dev test installs it",
)

NOT_ALLOWED = 135
TAKEN = (0, 16)
"""Taken; taken, and nobody listens."""
OWN_MARK = "skerry/v1/hub/presence"
"""What a box may read beside its own: with it a test sees that nothing came before."""
WILDCARDS = (
    "#",
    "skerry/#",
    "skerry/v1/#",
    "skerry/v1/nodes/#",
    "+/+/+/+/+",
    "+/#",
    "/#",
    "skerry/v1/+/+",
)


def every_topic(node):
    """Return a topic of each kind, of this node or with it as its name."""
    found = {}
    for kind in topics.KINDS:
        text = topics.filter_of(kind, node).replace("+", "probe")
        assert topics.parse(text) is not None
        found[str(kind) if isinstance(kind, NodeTopic) else kind.__name__] = text
    return found


MINE, OTHERS = every_topic("box-2"), every_topic("box-1")
FOREIGN = {name: topic for name, topic in OTHERS.items() if topic not in MINE.values()}
WRITABLE = {where for may, where in rights(Role.NODE, "box-2") if "write" in may}
READABLE = {
    where.replace("+", "probe") for may, where in rights(Role.NODE, "box-2") if "read" in may
}
FORBIDDEN_TO_WRITE = {
    f"{name} of {whose}": topic
    for whose, all_topics in (("box-1", OTHERS), ("box-2", MINE))
    for name, topic in all_topics.items()
    if topic not in WRITABLE
}
FORBIDDEN_TO_READ = {
    f"{name} of {whose}": topic
    for whose, all_topics in (("box-1", OTHERS), ("box-2", MINE))
    for name, topic in all_topics.items()
    if topic not in READABLE
}
ELSEWHERE = {
    "outside": "something/else",
    "counters": "$SYS/broker/clients/total",
    "control": "$CONTROL/dynamic-security/v1",
    "bare": "skerry/v1/nodes/box-2",
    "deeper": "skerry/v1/nodes/box-2/report/more",
    "other root": "skerry/v2/nodes/box-2/report",
}


def as_a_node(user):
    """Return what would be somebody's own topics, who is no box: his name fits the same pattern."""
    found = [topic.replace("box-2", user) for topic in MINE.values() if "/nodes/" in topic]
    assert len(found) == len(NodeTopic) + 1
    return found


@pytest.fixture(scope="module")
def broker(tmp_path_factory):
    broker = SecuredBroker(tmp_path_factory.mktemp("broker"))
    broker.start("sys_interval 1")
    yield broker
    broker.stop()


@pytest.fixture
def client(broker):
    made = []

    def make(name, **how):
        certificates = broker.certificates
        shown = {
            "hub": certificates.hub,
            "beats": certificates.beats,
            "dashboard": lambda: certificates.reader("dashboard"),
        }.get(name, lambda: certificates.node(name))
        made.append(Client(broker, shown(), **{"client_id": name, **how}))
        return made[-1]

    yield make
    for one in made:
        one.stop()


@pytest.fixture
def hub(client):
    return client("hub")


@pytest.fixture
def box_1(client):
    return client("box-1")


@pytest.fixture
def box_2(client):
    return client("box-2")


@pytest.fixture
def say(client, hub, box_1, box_2):
    """Publish a topic as whoever may."""

    def say(topic, payload=b"x", *, retain=False):
        node = topic.split("/")[3] if topic.startswith("skerry/v1/nodes/") else ""
        name = topic.rpartition("/")[2]
        from_node = node and any(name == str(rule.kind) and "write" in rule.node for rule in ACCESS)
        sender = {"box-1": box_1, "box-2": box_2}[node] if from_node else hub
        assert sender.say(topic, payload, retain=retain) in TAKEN, topic

    return say


def mark(hub):
    assert hub.say(OWN_MARK, b"mark") in TAKEN


def heard_before_mark(listener):
    """Return what a client heard until the mark."""
    found = []
    while True:
        topic, payload, _ = listener.heard.get(timeout=10)
        if (topic, payload) == (OWN_MARK, b"mark"):
            return found
        found.append(topic)


# --- writing --------------------------------------------------------------------------------


@pytest.mark.parametrize("retain", [False, True], ids=["publish", "retained publish"])
@pytest.mark.parametrize(
    "topic", [pytest.param(t, id=n) for n, t in (FORBIDDEN_TO_WRITE | ELSEWHERE).items()]
)
def test_a_box_publishes_nothing_but_its_own(box_2, client, topic, retain):
    assert box_2.say(topic, retain=retain) == NOT_ALLOWED


@pytest.mark.parametrize("retain", [False, True], ids=["publish", "retained publish"])
def test_what_is_refused_reaches_nobody(broker, box_2, hub, retain):
    for topic in ("skerry/v1/nodes/box-1/report", "skerry/v1/nodes/box-1/event"):
        hub.hear(topic)
        box_2.say(topic, b"forged", retain=retain)
    box_2.say("skerry/v1/nodes/box-2/event", b"own")
    hub.hear("skerry/v1/nodes/box-2/event")
    box_2.say("skerry/v1/nodes/box-2/event", b"own")
    assert [payload for _, payload, _ in hub.drain()] == [b"own"]


@pytest.mark.parametrize("topic", sorted(WRITABLE))
def test_a_box_publishes_its_own(box_2, topic):
    assert box_2.say(topic) in TAKEN
    assert box_2.say(topic, b"kept", retain=True) in TAKEN
    assert box_2.say(topic, b"", retain=True) in TAKEN


@pytest.mark.parametrize(
    "topic", [pytest.param(t, id=n) for n, t in (FORBIDDEN_TO_WRITE | ELSEWHERE).items()]
)
def test_no_will_of_a_box_is_published_on_what_is_not_its_own(broker, client, hub, topic):
    watcher = hub if topic.startswith("skerry/v1/nodes") else client("dashboard")
    watcher.hear(topic)
    watcher.drain(0.05)
    dying = client("box-3" if "box-2" not in topic else "box-2", will=topic)
    if dying.refused is None:
        dying.cut()
        time.sleep(0.3)
    assert not [one for one in watcher.drain(0.2) if one[1] == b"will"]


def test_a_will_on_its_own_topic_is_published(client, hub):
    hub.hear("skerry/v1/nodes/box-2/presence")
    dying = client("box-2", will="skerry/v1/nodes/box-2/presence")
    dying.cut()
    assert hub.heard.get(timeout=10)[1] == b"will"
    hub.say("skerry/v1/nodes/box-2/presence", b"", retain=True)


# --- reading --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "how", ["{}", "$share/all/{}", "$share/box-1/{}"], ids=["plain", "shared", "other share"]
)
@pytest.mark.parametrize("topic", [pytest.param(t, id=n) for n, t in FORBIDDEN_TO_READ.items()])
def test_a_box_hears_nothing_but_its_own(box_2, hub, say, topic, how):
    box_2.hear(OWN_MARK)
    box_2.hear(how.format(topic))
    say(topic)
    mark(hub)
    assert heard_before_mark(box_2) == []


@pytest.mark.parametrize("how", ["{}", "$share/all/{}"], ids=["plain", "shared"])
@pytest.mark.parametrize("wildcard", WILDCARDS)
def test_by_no_wildcard_does_a_box_hear_more(box_2, hub, say, wildcard, how):
    box_2.hear(OWN_MARK)
    box_2.hear(how.format(wildcard))
    for topic in FORBIDDEN_TO_READ.values():
        say(topic)
    mark(hub)
    assert set(heard_before_mark(box_2)) <= READABLE, "its own presence may be kept from before"


@pytest.mark.parametrize("version", [paho.MQTTv5, paho.MQTTv311])
def test_nothing_retained_of_others_comes_to_who_subscribes(client, hub, box_1, say, version):
    kept = [topic for topic in FORBIDDEN_TO_READ.values() if topic.startswith("skerry")]
    for topic in kept:
        say(topic, b"kept", retain=True)
    late = client("box-4", protocol=version)
    for wildcard in (
        *WILDCARDS,
        *kept,
        *(f"$share/late/{one}" for one in ("skerry/v1/#", kept[0])),
    ):
        late.hear(wildcard)
    assert [topic for topic, _, _ in late.drain() if topic != OWN_MARK] == []
    reader = client("beats")
    reader.hear("skerry/v1/nodes/#")
    assert {topic for topic, _, _ in reader.drain()} <= {
        topic for topic in kept if topic.endswith(("heartbeat", "lease"))
    }
    for topic in kept:
        say(topic, b"", retain=True)


def test_a_session_that_waits_gets_nothing_of_others_either(client, hub, say):
    sleeper = client("box-5", clean=False)
    sleeper.hear("skerry/v1/#")
    sleeper.cut()
    say(OTHERS["order"], b"secret")
    hub.say("skerry/v1/nodes/box-5/order", b"mine")
    awake = client("box-5", clean=False)
    assert [one[:2] for one in awake.drain()] == [("skerry/v1/nodes/box-5/order", b"mine")]


def test_a_box_hears_its_own_orders(box_2, hub, say):
    for topic in READABLE:
        box_2.hear(topic)
        say(topic, b"mine")
        assert box_2.heard.get(timeout=10)[:2] == (topic, b"mine")


def test_no_box_sees_the_brokers_counters(box_2):
    for topic in ("$SYS/#", "$SYS/broker/clients/total", "$share/all/$SYS/#"):
        box_2.hear(topic)
    assert box_2.drain(2.5) == []


def test_a_shared_subscription_takes_no_message_from_whom_it_is_for(box_1, box_2, hub):
    """Who shares a subscription that he may not read must not swallow what others would get."""
    box_1.hear("$share/fleet/skerry/v1/nodes/box-1/order")
    box_2.hear("$share/fleet/skerry/v1/nodes/box-1/order")
    box_2.hear("$share/fleet/skerry/v1/nodes/+/order")
    for number in range(20):
        hub.say(OTHERS["order"], b"%d" % number)
    assert box_2.drain(0.1) == []


def test_an_agents_subscription_gets_all_whatever_another_shares(box_1, box_2, hub):
    """Agents do not share subscriptions, so that nobody can take a part of what comes to them."""
    box_2.hear("$share/fleet/skerry/v1/nodes/box-1/order")
    box_1.hear(OTHERS["order"])
    for number in range(20):
        hub.say(OTHERS["order"], b"%d" % number)
    assert [payload for _, payload, _ in box_1.drain()] == [b"%d" % n for n in range(20)]


# --- who one is --------------------------------------------------------------------------------


def test_no_box_takes_anothers_session_by_its_client_id(client, box_1):
    box_1.hear("skerry/v1/nodes/box-1/order")
    for stolen in ("box-1", "skerry:hub", "skerry:hub-beats"):
        thief = client("box-2", client_id=stolen, clean=False)
        assert thief.refused is None
        assert thief.hear("skerry/v1/nodes/box-1/order") < 128
        thief.stop()
    assert box_1.alive
    assert box_1.say("skerry/v1/nodes/box-1/report") in TAKEN


def test_by_no_user_name_does_a_box_become_another(broker, client):
    thief = Client.__new__(Client)
    Client.__init__(thief, broker, broker.certificates.node("box-2"))
    thief.stop()
    connection = context_of(broker, broker.certificates.node("box-2"))
    with (
        socket.create_connection(("127.0.0.1", broker.port)) as plain,
        connection.wrap_socket(plain, server_hostname="localhost") as secured,
    ):
        secured.sendall(connect_packet(client_id="x", user="box-1"))
        assert secured.recv(100)[3] == 0
        secured.sendall(publish_packet("skerry/v1/nodes/box-1/report"))
        answer = secured.recv(100)
    assert answer[:1] == b"\x40"
    assert answer[4] == NOT_ALLOWED


def context_of(broker, certificate):
    found = ssl.create_default_context(cafile=str(broker.certificates.ca))
    if certificate:
        found.load_cert_chain(certificate)
    return found


def text(value):
    return len(value).to_bytes(2, "big") + value.encode()


def packet(kind, body):
    assert len(body) < 128
    return bytes([kind, len(body)]) + body


def connect_packet(client_id, user):
    return packet(
        0x10, text("MQTT") + bytes([5, 0b1000_0010, 0, 60, 0]) + text(client_id) + text(user)
    )


def publish_packet(topic):
    return packet(0x32, text(topic) + b"\x00\x01\x00" + b"x")


def test_without_a_certificate_or_with_anothers_authority_nobody_comes_in(broker, tmp_path):
    other = SecuredBroker(tmp_path / "other")
    assert Client(broker, None).refused
    assert Client(broker, other.certificates.node("box-1")).refused
    # A box's certificate serves for nothing but to be a client.
    broker_as_client = Client(broker, broker.certificates.broker())
    assert broker_as_client.refused


def test_who_says_nothing_of_mqtt_is_heard_by_nobody(broker):
    with socket.create_connection(("127.0.0.1", broker.port)) as plain:
        plain.sendall(connect_packet("box-1", "box-1"))
        plain.settimeout(10)
        with contextlib.suppress(ConnectionResetError):
            assert plain.recv(100)[:1] in (b"", b"\x15"), "no answer in MQTT"


# --- the other roles --------------------------------------------------------------------------


def test_a_reader_reads_the_views_and_the_counters_and_writes_nothing(broker, client, hub, say):
    reader = client("dashboard")
    own = as_a_node("skerry:reader:dashboard")
    for topic in (*own, *MINE.values(), *OTHERS.values(), *ELSEWHERE.values()):
        assert reader.say(topic) == NOT_ALLOWED, topic
    reader.hear("skerry/v1/#")
    views = [topic for topic in OTHERS.values() if "/nodes/" not in topic]
    for topic in OTHERS.values():
        say(topic)
    mark(hub)
    assert set(heard_before_mark(reader)) == set(views)
    reader.hear("$SYS/broker/clients/total")
    assert reader.heard.get(timeout=10)[0] == "$SYS/broker/clients/total"


def test_a_reader_that_is_on_no_list_reads_nothing_but_whether_the_hub_is_there(
    broker, client, hub, say
):
    stranger = Client(broker, broker.certificates.reader("stranger"))
    stranger.hear("skerry/v1/#")
    for topic in OTHERS.values():
        say(topic)
    mark(hub)
    assert set(heard_before_mark(stranger)) <= {OWN_MARK}
    stranger.stop()


def test_the_hub_may_do_what_it_does_and_its_second_connection_listens_alone(client, hub, say):
    beats = client("beats")
    beats.hear("skerry/v1/nodes/+/heartbeat")
    beats.hear("skerry/v1/nodes/+/lease")
    for topic in topics.ALL_FROM_NODES:
        if not topic.endswith(("heartbeat", "lease")):
            hub.hear(topic)
    from_boxes = {
        t for n, t in OTHERS.items() if "nodes/" in t and t.replace("box-1", "box-2") in WRITABLE
    }
    for topic in from_boxes:
        say(topic)
    often = {topic for topic in from_boxes if topic.endswith(("heartbeat", "lease"))}
    assert {topic for topic, _, _ in beats.drain()} == often
    assert {topic for topic, _, _ in hub.drain()} == from_boxes - often
    for topic in (*as_a_node("skerry:hub-beats"), *OTHERS.values(), *ELSEWHERE.values()):
        assert beats.say(topic) == NOT_ALLOWED, topic
    for topic in (*as_a_node("skerry:hub"), *ELSEWHERE.values()):
        assert hub.say(topic) == NOT_ALLOWED, topic


# --- lists that change --------------------------------------------------------------------------


def test_a_reader_that_is_taken_off_the_list_hears_no_more_at_once(broker, client, hub):
    broker.readers = ("dashboard", "passing")
    broker.write()
    broker.reload()
    reader = Client(broker, broker.certificates.reader("passing"))
    wait_for("the list to hold", lambda: reader.hear("skerry/v1/fleet/+") < 128)
    hub.say("skerry/v1/fleet/box-1", b"1")
    assert reader.heard.get(timeout=10)[1] == b"1"
    broker.readers, broker.removed = ("dashboard",), ("passing",)
    broker.write()
    broker.reload()
    time.sleep(0.3)
    hub.say("skerry/v1/fleet/box-1", b"2")
    hub.say(OWN_MARK, b"2")
    for topic in (*as_a_node("skerry:reader:passing"), *MINE.values(), *ELSEWHERE.values()):
        assert reader.say(topic) == NOT_ALLOWED, topic
    assert reader.drain() == []
    reader.stop()


def test_who_is_on_the_list_again_reads_again_and_writes_nothing(broker, hub):
    broker.readers = ("dashboard", "passing")
    broker.write()
    broker.reload()
    reader = Client(broker, broker.certificates.reader("passing"))
    wait_for("the list to hold", lambda: hears(reader, hub))
    for topic in as_a_node("skerry:reader:passing"):
        assert reader.say(topic) == NOT_ALLOWED, topic
    reader.stop()


def hears(reader, hub):
    reader.hear("skerry/v1/fleet/+")
    hub.say("skerry/v1/fleet/box-1", b"3")
    return bool(reader.drain(0.1))


def test_who_is_revoked_comes_in_no_more_not_even_by_a_session_that_is_resumed(broker):
    certificate = broker.certificates.node("box-9")
    for version in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3):
        context = context_of(broker, certificate)
        context.minimum_version = context.maximum_version = version
        first = handshake(broker, context, None)
        again = handshake(broker, context, first)
        assert again is not None, "mosquitto resumes sessions, so this test means something"
        broker.revoked[broker.certificates.serial(certificate)] = time.time()
        broker.write()
        broker.reload()
        time.sleep(0.3)
        assert handshake(broker, context, again) is None
        assert handshake(broker, context, None) is None
        broker.revoked.clear()
        broker.write()
        broker.reload()
        time.sleep(0.3)


def handshake(broker, context, session):
    """Connect as MQTT does; return the TLS session, or None where that is refused."""
    try:
        with (
            socket.create_connection(("127.0.0.1", broker.port), timeout=10) as plain,
            context.wrap_socket(plain, server_hostname="localhost", session=session) as one,
        ):
            one.sendall(connect_packet("box-9", "box-9"))
            if one.recv(100)[:1] != b"\x20":
                return None
            assert session is None or one.session_reused
            return one.session
    except OSError:
        return None


def test_a_new_certificate_of_the_broker_is_shown_without_a_restart(broker, box_1):
    def shown():
        pem = ssl.get_server_certificate(("127.0.0.1", broker.port))
        return pem in (broker.certificates.folder / "second.pem").read_text()

    second = broker.certificates.broker("second")
    broker.write(second)
    os.kill(broker.process.pid, signal.SIGHUP)
    wait_for("the new one", shown)
    assert box_1.alive
    broker.write()
    broker.reload()
