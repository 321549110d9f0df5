"""The door to the hub: everything that can be wrong on the other side is said in words."""

import datetime
import ipaddress
import json
import ssl
import time

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from tests.cli.canned import NOW, Answers, CannedHub, Raw, Status, problems

from lab.processes import free_port
from skerry_cli.failures import Exit, Failure, RefusedError, UnexpectedAnswerError, UnreachableError
from skerry_cli.hub import Hub, path

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"


def quick(hub, **options):
    return Hub(hub.url, **{"timeout_s": 5.0, "retry_for_s": 0.0, **options})


def test_a_name_is_one_segment_whatever_it_holds():
    assert path("nodes", "a/b ?#é") == "/api/v1/nodes/a%2Fb%20%3F%23%C3%A9"
    with pytest.raises(Failure):
        path("nodes", "")


@pytest.mark.parametrize(
    "url",
    [
        "",
        "box",
        "127.0.0.1:8440",
        "ftp://x",
        "http://",
        "http://a:b@c",
        "http://a:99999",
        "http://a/?x=1",
        "http://a b",
        "http://[::1",
        "http://a\n",
    ],
)
def test_what_is_no_address_of_a_hub_is_a_usage_error(url):
    with pytest.raises(Failure) as failed:
        Hub(url)
    assert failed.value.exit_code == Exit.USAGE


def test_the_address_may_have_a_path(hub):
    hub.answers["GET /fleet/api/v1/nodes"] = {"items": []}
    assert Hub(f"{hub.url}/fleet/").get(path("nodes")) == {"items": []}


def test_what_is_asked_arrives(hub):
    hub.answers["POST /api/v1/plan"] = lambda asked: {"got": asked.body}
    hub.answers["GET /api/v1/nodes"] = lambda asked: asked.query
    door = quick(hub)
    assert door.post(path("plan"), {"x": ["é"]}) == {"got": {"x": ["é"]}}
    assert door.get(path("nodes"), {"selector": "a=b,!c", "node": None}) == {"selector": "a=b,!c"}


def test_a_connection_is_kept_and_replaced_when_the_hub_closed_it(hub):
    hub.answers["GET /x"] = Answers({"n": 1}, Raw(OK), {"n": 3})
    door = quick(hub)
    assert [door.get("/x") for _ in range(3)] == [{"n": 1}, {}, {"n": 3}]


def test_a_hub_that_is_not_there(hub):
    port = free_port()
    with pytest.raises(UnreachableError) as failed:
        Hub(f"http://127.0.0.1:{port}", retry_for_s=0.0).get("/x")
    assert failed.value.message.splitlines() == [
        f"cannot reach the hub at http://127.0.0.1:{port}: Connection refused.",
        "Is `skerry-hub serve` running there? Set its address with --hub or SKERRY_HUB.",
    ]


@pytest.mark.parametrize("status", [502, 503, 504])
def test_a_question_is_asked_again_while_the_hub_is_busy(hub, status):
    busy = problems(status, {"reason": "the store fails"})
    hub.answers["GET /x"] = Answers(busy, busy, {"n": 1})
    assert quick(hub, retry_for_s=5.0).get("/x") == {"n": 1}
    assert len(hub.asked) == 3


def test_a_question_is_asked_again_after_a_broken_answer(hub):
    hub.answers["GET /x"] = Answers(Raw(b""), {"n": 1})
    assert quick(hub, retry_for_s=5.0).get("/x") == {"n": 1}


def test_an_instruction_is_given_once(hub):
    door = quick(hub, retry_for_s=5.0)
    hub.answers["POST /x"] = Answers(problems(503, {"reason": "busy"}), {})
    with pytest.raises(RefusedError, match="busy"):
        door.post("/x", {})
    # Not even the connection that is kept from before may lead to a second time.
    hub.answers["DELETE /x"] = Answers(Raw(b""), {})
    with pytest.raises(UnreachableError):
        door.delete("/x")
    assert len(hub.asked) == 2


def test_a_question_that_is_refused_is_asked_once(hub):
    hub.answers["GET /x"] = problems(400, {"reason": "is bad"})
    with pytest.raises(RefusedError, match="is bad"):
        quick(hub, retry_for_s=5.0).get("/x")
    assert len(hub.asked) == 1


def test_problems_are_told_line_by_line(hub):
    hub.answers["POST /x"] = problems(
        400, {"reason": "is bad", "file": "a.yaml", "line": 3, "field": "f"}, {"reason": "worse"}
    )
    with pytest.raises(RefusedError) as failed:
        quick(hub).post("/x", {})
    assert failed.value.lines == ("a.yaml:3: f: is bad", "skerry: worse")
    assert (failed.value.status, failed.value.unknown_name) == (400, False)


def raw(body, status="200 OK", length=None):
    length = len(body) if length is None else length
    return Raw(b"HTTP/1.1 %s\r\nContent-Length: %d\r\n\r\n%s" % (status.encode(), length, body))


NONSENSE = {
    "text": raw(b"<html>hello</html>"),
    "nothing": raw(b""),
    "not a number": raw(b'{"a": NaN}'),
    "infinity": raw(b'{"a": 1e999}'),
    "too many digits": raw(b'{"a": 1' + b"0" * 30 + b"}"),
    "depth": raw(b"[" * 200_000),
    "bytes": raw(b"\xff\xfe\x00"),
    "a status without problems": raw(b'{"detail": "Not Found"}', "404 Not Found"),
    "a list as an error": raw(b"[]", "500 Oh"),
    "problems that are none": raw(b'{"problems": [7]}', "400 Bad"),
    "a redirect": raw(b"{}", "302 Found"),
}


@pytest.mark.parametrize("answer", NONSENSE.values(), ids=NONSENSE.keys())
def test_an_answer_that_no_hub_gives_is_an_error_in_words(hub, answer):
    hub.answers["GET /x"] = answer
    with pytest.raises(UnexpectedAnswerError, match="Is this the address of a Skerry hub"):
        quick(hub).get("/x")


def test_an_error_without_a_single_problem_is_still_one(hub):
    hub.answers["GET /x"] = Status(409, {"problems": []})
    with pytest.raises(RefusedError, match="the hub answered 409 to GET /x"):
        quick(hub).get("/x")


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (raw(b'{"a": 1', length=100), "cut off"),
        (Raw(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n{}"), "cut off"),
        (Raw(b"SSH-2.0-OpenSSH_9.2\r\n"), "does not speak HTTP"),
        (Raw(b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 200 + b"\r\n"), "not HTTP"),
    ],
)
def test_an_answer_that_breaks_off_or_is_not_http(hub, answer, words):
    hub.answers["GET /x"] = answer
    with pytest.raises(UnreachableError, match=words):
        quick(hub).get("/x")


@pytest.mark.parametrize("data", [b"", b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n{"])
def test_a_hub_that_falls_silent_is_given_up(hub, data):
    hub.answers["GET /x"] = Raw(data, hold_s=10)
    with pytest.raises(UnreachableError, match=r"no whole answer within 0.2 s"):
        quick(hub, timeout_s=0.2).get("/x")


def test_a_hub_that_drips_is_given_up(hub):
    data = b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n"
    hub.answers["GET /x"] = Raw(data, hold_s=10, drip=True)
    with pytest.raises(UnreachableError, match="no whole answer"):
        quick(hub, timeout_s=0.4).get("/x")


def test_an_answer_that_never_ends_is_given_up(hub):
    hub.answers["GET /x"] = Raw(b"HTTP/1.1 200 OK\r\n\r\n" + b" " * (65 * 1024 * 1024))
    with pytest.raises(UnexpectedAnswerError, match="more than 64 MiB"):
        quick(hub, timeout_s=60.0).get("/x")


def test_everything_ends_by_the_deadline(hub):
    hub.answers["GET /x"] = problems(503, {"reason": "busy"})
    door = quick(hub, retry_for_s=60.0)
    door.deadline = time.monotonic() + 0.3
    with pytest.raises(RefusedError, match="busy"):
        door.get("/x")
    door.deadline = time.monotonic() - 1
    with pytest.raises(UnreachableError):
        door.get("/x")


def test_the_time_is_the_hubs(hub):
    hub.answers["GET /x"] = {}
    door = quick(hub)
    assert abs(door.now() - time.time()) < 1
    door.get("/x")
    assert abs(door.now() - NOW) < 60


@pytest.mark.parametrize("answer", [{}, [], {"change": None}, {"change": "7"}, {"change": True}])
def test_a_change_that_is_no_number(hub, answer):
    hub.answers["GET /api/v1/changes"] = raw(
        str(answer).replace("'", '"').replace("True", "true").replace("None", "null").encode()
    )
    with pytest.raises(UnexpectedAnswerError):
        quick(hub).change(0, 0)


# --- https --------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def certificate(tmp_path_factory):
    """Return the file of a certificate for 127.0.0.1 that vouches for itself, with its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "hub")])
    now = datetime.datetime.now(datetime.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .add_extension(
            x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), False
        )
        .sign(key, hashes.SHA256())
    )
    file = tmp_path_factory.mktemp("tls") / "hub.pem"
    pem = serialization.Encoding.PEM
    secret = key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    file.write_bytes(made.public_bytes(pem) + secret)
    return file


@pytest.fixture
def secure(certificate):
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificate)
    hub = CannedHub(context)
    hub.answers["GET /x"] = {"n": 1}
    yield hub
    hub.stop()


def test_a_certificate_is_checked_against_the_file_of_its_authority(secure, certificate):
    assert quick(secure, ca_file=str(certificate)).get("/x") == {"n": 1}
    with pytest.raises(UnreachableError, match=r"certificate is not trusted.*\n.*--ca-file"):
        quick(secure).get("/x")


def test_a_file_without_certificates_is_named(secure, tmp_path):
    empty = tmp_path / "empty.pem"
    empty.touch()
    for file in (tmp_path / "none.pem", empty):
        with pytest.raises(Failure, match=file.name):
            quick(secure, ca_file=str(file)).get("/x")


def test_the_wrong_scheme_is_said(secure, hub, certificate):
    with pytest.raises(UnreachableError, match="cannot reach the hub"):
        Hub(secure.url.replace("https", "http"), retry_for_s=0.0).get("/x")
    with pytest.raises(UnreachableError, match="does not speak HTTPS"):
        Hub(hub.url.replace("http", "https"), retry_for_s=0.0).get("/x")


def test_what_the_hub_warns_of_is_told_once_and_on_stderr(hub, skerry):
    def answer(warning):
        body = b'{"version":"9","items":[]}'
        head = f"HTTP/1.1 200 OK\r\nWarning: {warning}\r\nContent-Length: {len(body)}\r\n\r\n"
        return Raw(head.encode("latin-1") + body)

    hub.answers["GET /api/v1/version"] = answer('299 skerry "the hub hears no box since 12:03"')
    done = skerry("version", "--hub", "-o", "json")
    assert json.loads(done.out)["hub"] == "9"
    assert done.err.splitlines() == ["Warning: the hub hears no box since 12:03"]
    told = []
    asked = Hub(hub.url, warn=told.append)
    asked.get("/api/v1/version")
    asked.get("/api/v1/version")
    assert told == ["Warning: the hub hears no box since 12:03"]
    hub.answers["GET /api/v1/version"] = answer('110 other "x"')
    assert skerry("version", "--hub").err == ""
