"""The link over TLS, against a real mosquitto with certificates. Runs on paho 1.6.1 and 2.x."""

import contextlib
import queue
import socket
import ssl
import threading
import time

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from tests.agent.test_mqtt import NODE, STAMP, until, will

from lab.processes import wait_for
from lab.secured import SecuredBroker
from skerry_agent import mqtt, tls
from skerry_agent.broker import Broker
from skerry_agent.effects import Publish
from skerry_agent.events import Connected, Disconnected, Ending
from skerry_agent.state import PresenceSeq, presence_seq
from skerry_hub.pki import authority, leaves
from skerry_wire.messages import Heartbeat, Presence
from skerry_wire.topics import NodeTopic

DAY_S = 86_400.0


@pytest.fixture
def broker(tmp_path):
    broker = SecuredBroker(tmp_path)
    broker.start()
    yield broker
    broker.stop()


def shown(broker, certificate, **changes):
    found = {
        "host": "127.0.0.1",
        "port": broker.port,
        "tls": True,
        "ca": str(broker.certificates.ca),
        "certificate": str(certificate),
    }
    return Broker(**{**found, **changes})


@pytest.fixture
def links():
    made = []

    def start(broker, now=None):
        happened = queue.Queue()
        link = mqtt.Link(broker, NODE, will, happened.put, now)
        link.happened = happened
        link.start()
        made.append(link)
        return link

    yield start
    for link in made:
        link.stop()


def issue(broker, path, *, since_s, life_s, node=NODE):
    """Write a certificate for the key that is in the file, as of another time."""
    made = broker.certificates.authority
    key = serialization.load_pem_private_key(path.read_bytes(), None)
    when = leaves.stamp(time.time() + since_s, life_s)
    signed = leaves.node(made, node, key.public_key(), when)
    path.write_text(authority.private_pem(key).decode() + leaves.pem(signed))


def test_it_connects_with_its_certificate(broker, links):
    link = links(shown(broker, broker.certificates.node(NODE)))
    until(link, Connected)
    link.publish(
        Publish(NodeTopic.HEARTBEAT, Heartbeat(**STAMP, seq=1, capability="c" * 16, generation=0))
    )
    version = link._client.socket().version()
    assert version in ("TLSv1.2", "TLSv1.3")


@pytest.mark.parametrize("wrong", ["revoked", "ended"])
def test_a_certificate_that_is_refused_is_known_as_such(broker, links, wrong):
    path = broker.certificates.node(NODE)
    if wrong == "revoked":
        broker.revoked[broker.certificates.serial(path)] = time.time()
        broker.stop()
        broker.start()
    else:
        issue(broker, path, since_s=-2 * DAY_S, life_s=DAY_S)
    seen = []
    for _ in range(10):
        link = links(shown(broker, path))
        seen.append(until(link, Disconnected))
        link.stop()
    told = [one for one in seen if one.ending is Ending.CERTIFICATE_REFUSED]
    # Mosquitto closes with the box's first packet unread: TCP's reset may overtake why.
    assert len(told) >= 8, seen
    assert {one.ending for one in seen} <= {Ending.CERTIFICATE_REFUSED, Ending.LOST}, seen
    assert all("refuses this box's certificate" in one.reason for one in told)


def test_with_tls_1_2_the_handshake_itself_is_refused(broker, links, tmp_path):
    other = SecuredBroker(tmp_path / "other")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    context.verify_mode = ssl.CERT_REQUIRED
    context.load_verify_locations(other.certificates.ca)
    context.load_cert_chain(broker.certificates.broker())
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve():
            with contextlib.suppress(OSError):
                while True:
                    plain, _ = listener.accept()
                    with plain, contextlib.suppress(OSError):
                        context.wrap_socket(plain, server_side=True).close()

        threading.Thread(target=serve, daemon=True).start()
        port = listener.getsockname()[1]
        link = links(shown(broker, broker.certificates.node(NODE), port=port))
        ended = until(link, Disconnected)
    assert ended.ending is Ending.CERTIFICATE_REFUSED
    assert "alert unknown ca" in ended.reason


def test_another_broker_is_not_spoken_to(broker, links, tmp_path):
    other = SecuredBroker(tmp_path / "other")
    other.start()
    try:
        link = links(shown(broker, broker.certificates.node(NODE), port=other.port))
        ended = until(link, Disconnected)
    finally:
        other.stop()
    assert "certificate verify failed" in ended.reason
    assert ended.ending is Ending.LOST, "it is the broker's certificate, not this box's"


def test_a_name_that_the_broker_has_not(broker, links):
    link = links(shown(broker, broker.certificates.node(NODE), host="127.0.0.2"))
    ended = until(link, Disconnected)
    assert "127.0.0.2" in ended.reason
    assert ended.ending is Ending.LOST


def test_a_broker_whose_certificate_has_ended_serves_all_the_same(broker, links):
    # A box whose clock is ten years ahead, or in 1970, sees nothing else.
    made = broker.certificates.authority
    key = ec.generate_private_key(ec.SECP256R1())
    for name, since_s in (("past", -20 * DAY_S), ("future", 20 * DAY_S)):
        when = leaves.stamp(time.time() + since_s, DAY_S)
        signed = leaves.broker(made, ("127.0.0.1",), key.public_key(), when)
        path = broker.folder.parent / f"{name}.pem"
        path.write_text(authority.private_pem(key).decode() + leaves.pem(signed))
        broker.stop()
        broker.certificates.broker().write_bytes(path.read_bytes())
        broker.start()
        link = links(shown(broker, broker.certificates.node(NODE)))
        assert until(link, Connected)
        link.stop()


def test_without_an_authority_of_its_own_times_count():
    assert not tls.context_of(None, None, None).verify_flags & 0x200000
    assert tls.context_of(None, None, None).minimum_version is ssl.TLSVersion.TLSv1_2


def test_a_new_certificate_is_shown_at_the_next_connection(broker, links):
    path = broker.certificates.node(NODE)
    good = path.read_text()
    issue(broker, path, since_s=-2 * DAY_S, life_s=DAY_S)
    link = links(shown(broker, path))
    assert until(link, Disconnected).ending is Ending.CERTIFICATE_REFUSED
    path.write_text(good)
    began = time.monotonic()
    link.look_again()
    until(link, Connected, timeout=10)
    assert time.monotonic() - began < 5, "it does not wait for its turn"


def test_a_join_is_noticed_without_a_restart(broker, links):
    told = [None]
    link = links(None, lambda: told[0])
    assert "skerry-agent join" in until(link, Disconnected).reason
    time.sleep(0.5)
    assert link.happened.empty()
    told[0] = shown(broker, broker.certificates.node(NODE))
    link.look_again()
    until(link, Connected)
    link.look_again()  # nothing changed: it stays
    with pytest.raises(queue.Empty):
        until(link, Disconnected, timeout=1)
    told[0] = shown(broker, broker.certificates.node(NODE), host="localhost")
    link.look_again()
    until(link, Disconnected)
    until(link, Connected)


def core_of(link):
    """Say presence at each connection, as the core does, and pass on how connections end."""
    ends = queue.Queue()

    def follow():
        while True:
            match link.happened.get():
                case Connected(connection=number):
                    seq = presence_seq(number, PresenceSeq.ONLINE)
                    said = Presence(**STAMP, seq=seq, online=True, since=time.time(), version="0")
                    link.publish(Publish(NodeTopic.PRESENCE, said, retain=True))
                case Disconnected() as ended:
                    ends.put(ended)

    threading.Thread(target=follow, daemon=True).start()
    return ends


def test_two_boxes_of_one_disk_stop_fighting(broker, links):
    # Some brokers say why they end a session that is taken over, others (mosquitto 2.0.11) do not.
    path = broker.certificates.node(NODE)
    both = [links(shown(broker, path)) for _ in range(2)]
    for link in both:
        link._ceiling_s = 1.0  # so that this does not take minutes
    ends = [core_of(link) for link in both]
    shared = set()

    def know():
        for number, one in enumerate(ends):
            while not one.empty():
                if one.get().is_shared:
                    shared.add(number)
        return shared

    wait_for("one to find out", know, 90)
    time.sleep(3)
    know()
    assert all(link._attempts._taken.times for link in both)
    # Who has found out stays away, so the other has peace.
    assert len(shared) == 1
    (quiet,) = shared
    assert both[1 - quiet]._online
    assert not both[quiet]._online


def test_a_box_alone_that_is_cut_off_again_and_again_is_no_copy(broker, links):
    link = links(shown(broker, broker.certificates.node(NODE)))
    link._ceiling_s = 0.5
    ends = core_of(link)
    for _ in range(5):
        wait_for("to be connected", lambda: link._online, 30)
        time.sleep(0.3)
        broker.kill()
        broker.start()
    assert not ends.get(timeout=30).is_shared
    assert link._attempts._taken.times == ()


def test_the_check_does_not_end_the_agents_session(broker, links):
    path = broker.certificates.node(NODE)
    link = links(shown(broker, path))
    until(link, Connected)
    assert tls.shake_hands(shown(broker, path), 3.0) is None
    with pytest.raises(queue.Empty):
        until(link, Disconnected, timeout=1)
    issue(broker, path, since_s=-2 * DAY_S, life_s=DAY_S)
    assert "refuses this box's certificate" in tls.shake_hands(shown(broker, path), 3.0)
