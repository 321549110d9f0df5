"""Logging in, contexts, and as whom a hub is asked; on the canned hub, plain and over TLS."""

import contextlib
import hashlib
import json
import os
import pty
import ssl
import subprocess
import sys
import threading
import time

import pytest
from tests.cli.canned import Answers, CannedHub, Raw, problems
from tests.cli.samples import NODE
from tests.hub.pki.certificates import KEY, company, private

from skerry_cli import contexts
from skerry_cli.hub_connection import AUTHORITY_PREFIX, BROKER_NAME, HUB_NAME
from skerry_hub.api.access_routes import CallerView
from skerry_hub.joining import tokens
from skerry_hub.pki import authority, leaves
from skerry_wire import joining

ALICE = CallerView(name="alice", role="operator", scope="site=quay-3", token="0011", expires_at=2e9)
CA, OTHER_CA = (authority.read(authority.fresh(time.time()), name) for name in ("a", "b"))
COMPANY = company(time.time())
TOKEN = "ska_0011223344556677_" + "A" * 43


def only(token=TOKEN):
    """Answer who has the token, and nobody else."""

    def answer(asked):
        if asked.headers.get("Authorization") != f"Bearer {token}":
            return problems(401, {"reason": "this needs a token"})
        return ALICE

    return answer


@pytest.fixture
def config(tmp_path):
    return tmp_path / "config" / "skerry"


@pytest.fixture
def run(skerry_any, config):
    def run(*words, code=0, **given):
        done = skerry_any(*words, **{"SKERRY_CONFIG": str(config), "SKERRY_HUB": None, **given})
        assert done.code == code, done
        return done

    return run


def kept(config):
    return json.loads(config.read_text())


def test_a_token_from_standard_input_is_kept_for_later_commands(hub, run, config):
    hub.answers |= {"GET /api/v1/whoami": only(), "GET /api/v1/nodes": [NODE]}
    out = run("login", hub.url, "--token", "-", data=TOKEN + "\n").out
    name = f"127.0.0.1:{hub.port}"
    assert out == f"logged in to {hub.url} as alice (operator, site=quay-3): context {name}\n"
    assert config.stat().st_mode & 0o777 == 0o600
    assert config.parent.stat().st_mode & 0o777 == 0o700
    assert kept(config)["contexts"][name]["token"] == TOKEN
    assert "box-1" in run("get", "nodes").out
    assert hub.asked[-1].headers["Authorization"] == f"Bearer {TOKEN}"
    assert TOKEN not in run("context", "show").out + run("context", "list", "-o", "json").out


def test_a_token_from_a_file_or_the_environment(hub, run, tmp_path, config):
    hub.answers["GET /api/v1/whoami"] = only()
    (tmp_path / "t").write_text(TOKEN + "\n")
    run("login", hub.url, "--token-file", str(tmp_path / "t"), "--context", "a")
    run("login", hub.url, "--context", "b", SKERRY_TOKEN=TOKEN)
    assert sorted(kept(config)["contexts"]) == ["a", "b"]
    assert kept(config)["current"] == "b"


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("--token", TOKEN), "a token is no argument"),
        (("--token", "-", "--token-file", "x"), "and not both"),
        (("--token-file", "/none"), "No such file"),
        ((), "a token is missing"),
        (("--ca-pin", "sha256:1"), "must be sha256: and 64"),
        (("--ca-pin", "sha256:" + "0" * 64), "a pin is for https"),
        (("--ca-pin", "x", "--ca-file", "y"), "and not both"),
    ],
)
def test_what_is_no_login_is_wrong_usage(hub, run, config, words, says):
    hub.answers["GET /api/v1/whoami"] = only()
    done = run("login", hub.url, *words, code=2)
    assert says in done.err
    assert TOKEN not in done.err
    assert not config.exists()


@pytest.mark.parametrize("text", ["", "two words", "x", "ska_\x1b[1m" + "A" * 30])
def test_what_is_no_token_is_not_sent(hub, run, text):
    assert "this is no token" in run("login", hub.url, "--token", "-", data=text, code=2).err
    assert hub.asked == []


def test_a_token_for_boxes_is_told_from_one_for_the_api(hub, run):
    """By the text alone: it is not sent, for who gets hold of it can join."""
    text = tokens.text_of(b"12345678", b"x" * 32)
    err = run("login", hub.url, "--token", "-", data=text, code=2).err
    assert "this is a token with which a box joins" in err
    assert "skerry access create" in err
    assert text not in err
    assert hub.asked == []


@pytest.mark.parametrize("path", ["/foo", "/api/v1", "/foo/"])
def test_an_address_with_a_path_is_no_hubs(hub, run, config, path):
    """It may be one's, behind another server; where it is not, login says what is."""
    missing = problems(404, {"reason": "Not Found"})
    hub.answers[f"GET {path.rstrip('/')}/api/v1/whoami"] = missing
    err = run("login", hub.url + path, "--token", "-", data=TOKEN, code=1).err
    assert err == (
        f"skerry: {hub.url}{path.rstrip('/')} is not the hub's address: that has no path. "
        f"Try `skerry login {hub.url}`\n"
    )
    pinned = ("--ca-pin", "sha256:" + "0" * 64)
    err = run("login", f"https://hub.example:8443{path}", *pinned, code=2).err
    assert "Try `skerry login https://hub.example:8443`" in err
    assert not config.exists()
    hub.answers[f"GET {path.rstrip('/')}/api/v1/whoami"] = only()
    assert "logged in" in run("login", hub.url + path, "--token", "-", data=TOKEN).out


def test_of_two_contexts_for_an_address_one_that_is_logged_in_is_taken(hub, run, config):
    hub.answers |= {"GET /api/v1/whoami": only(), "GET /api/v1/nodes": []}
    for name in ("one", "two", "three"):
        run("login", hub.url, "--token", "-", "--context", name, data=TOKEN)
    assert run("--hub", hub.url, "whoami").out.splitlines()[1].split() == ["Context:", "three"]
    run("logout")
    err = run("--hub", hub.url, "get", "nodes", code=2).err
    assert f"several contexts are logged in to {hub.url}: one, two; name one of them" in err
    run("--hub", hub.url, "get", "nodes", SKERRY_TOKEN=TOKEN)
    run("logout", "--context", "one")
    assert "context two has no token" in run("logout", "--hub", hub.url).out
    assert "nobody" not in run("--hub", hub.url, "get", "nodes").err
    assert hub.asked[-1].headers.get("Authorization") is None, "nobody is logged in any more"


def test_a_token_that_the_hub_refuses_is_not_kept(hub, run, config):
    hub.answers["GET /api/v1/whoami"] = only("another")
    assert "this needs a token" in run("login", hub.url, "--token", "-", data=TOKEN, code=1).err
    assert not config.exists()


def test_a_hub_that_asks_nobody_needs_no_token(hub, run, config):
    hub.answers["GET /api/v1/whoami"] = CallerView(name="anonymous", role="admin", auth=False)
    assert "asks nobody for a token" in run("login", hub.url).err
    assert next(iter(kept(config)["contexts"].values()))["token"] is None


def test_a_token_goes_to_no_other_hub_and_not_over_plain_http(hub, run):
    hub.answers |= {"GET /api/v1/whoami": only(), "GET /api/v1/nodes": []}
    run("login", hub.url, "--token", "-", data=TOKEN)
    other = CannedHub()
    try:
        other.answers["GET /api/v1/nodes"] = []
        run("--hub", other.url, "get", "nodes")
        run("get", "nodes", SKERRY_HUB=other.url)
        assert [asked.headers.get("Authorization") for asked in other.asked] == [None, None]
    finally:
        other.stop()
    err = run("--hub", "http://hub.example", "get", "nodes", SKERRY_TOKEN=TOKEN, code=2).err
    assert "a token goes over https alone" in err


def test_which_hub_is_meant(hub, run, config):
    hub.answers |= {"GET /api/v1/whoami": only(), "GET /api/v1/nodes": []}
    other = CannedHub()
    try:
        other.answers |= hub.answers
        run("login", hub.url, "--token", "-", "--context", "one", data=TOKEN)
        run("login", other.url, "--token", "-", "--context", "two", data=TOKEN)

        def asked(*words, **environment):
            hub.asked.clear(), other.asked.clear()
            run(*words, **environment)
            return "one" if hub.asked else "two"

        assert asked("get", "nodes") == "two", "the current one"
        assert asked("--context", "one", "get", "nodes") == "one"
        assert asked("get", "nodes", "--context", "one") == "one"
        assert asked("get", "nodes", SKERRY_CONTEXT="one") == "one"
        assert asked("--hub", hub.url + "/", "get", "nodes") == "one"
        assert hub.asked[-1].headers["Authorization"] == f"Bearer {TOKEN}"
        words = ("--context", "two", "--hub", hub.url, "get", "nodes")
        assert "leave one of them out" in run(*words, code=2).err
        assert run("context", "use", "one").out == f"context one: {hub.url}\n"
        assert asked("get", "nodes") == "one"
        assert run("context", "list", "-o", "name").out == "one\ntwo\n"
        run("logout", "--context", "two")
        assert kept(config)["contexts"]["two"]["token"] is None
        run("context", "delete", "one")
        assert kept(config)["current"] == ""
        assert (
            "there is no context 'one'; there are two" in run("context", "use", "one", code=2).err
        )
    finally:
        other.stop()


def test_a_file_that_others_can_read_is_refused(hub, run, config):
    hub.answers["GET /api/v1/whoami"] = only()
    run("login", hub.url, "--token", "-", data=TOKEN)
    config.chmod(0o640)
    err = run("get", "nodes", code=1).err
    assert f"others can read it: chmod 600 {config}" in err


@pytest.mark.parametrize("text", ["", "nonsense", "[]", '{"contexts": {"a": {}}}', "9" * 2_000_000])
def test_a_damaged_file_is_said(run, config, text):
    config.parent.mkdir()
    config.write_text(text)
    config.chmod(0o600)
    assert "cannot be read" in run("get", "nodes", code=1).err


def test_a_file_is_whole_whatever_happens(config):
    one = contexts.Contexts(
        current="a", contexts={"a": contexts.Context(hub="http://h", token="t")}
    )
    contexts.save(one, config)
    contexts.save(one.put("b", contexts.Context(hub="http://i")), config)
    assert contexts.load(config) == one.put("b", contexts.Context(hub="http://i"))
    assert [path.name for path in config.parent.iterdir()] == [config.name]
    assert contexts.place({"XDG_CONFIG_HOME": "/x"}) == contexts.pathlib.Path("/x/skerry/config")
    assert contexts.place({"HOME": "/h"}) == contexts.pathlib.Path("/h/.config/skerry/config")


def test_a_token_is_typed_without_being_shown(hub, config):
    hub.answers["GET /api/v1/whoami"] = only()
    ours, theirs = pty.openpty()
    environment = {**os.environ, "SKERRY_CONFIG": str(config), "TERM": "xterm"}
    # Of its own session, so that the terminal becomes the one that it controls.
    code = (
        "import fcntl, termios; fcntl.ioctl(0, termios.TIOCSCTTY, 0);"
        f"from skerry_cli.main import main; raise SystemExit(main(['login', {hub.url!r}]))"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", code],
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        env=environment,
        start_new_session=True,
    )
    os.close(theirs)
    screen = b""
    while b"Token" not in screen:
        screen += os.read(ours, 1024)
    threading.Timer(0.3, lambda: os.write(ours, TOKEN.encode() + b"\n")).start()
    try:
        while piece := os.read(ours, 1024):
            screen += piece
    except OSError:
        pass
    assert process.wait(20) == 0, screen
    assert TOKEN.encode() not in screen
    assert b"logged in to" in screen


# --- whose hub it is ------------------------------------------------------------------------


@contextlib.contextmanager
def secure(tmp_path, leaf, *names, ca=CA):
    """Give a canned hub with a certificate of the authority, of this kind and for these names."""
    now = time.time()
    made = leaf(ca, names, KEY.public_key(), leaves.stamp(now, 86_400.0))
    path = tmp_path / "leaf.pem"
    path.write_bytes(private(KEY) + leaves.pem(made).encode())
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(path)
    hub = CannedHub(context)
    head = f"HTTP/1.1 200 OK\r\nContent-Length: {len(ca.pem)}\r\n\r\n".encode()
    hub.answers |= {
        "GET /ca.pem": Raw(head + ca.pem),
        "GET /api/v1/whoami": only(),
        "GET /api/v1/nodes": [],
    }
    try:
        yield hub
    finally:
        hub.stop()


def pin_of(ca):
    der = ssl.PEM_cert_to_DER_cert(ca.pem.decode())
    return "sha256:" + hashlib.sha256(der).hexdigest()


def test_a_pin_is_what_the_hub_says_and_its_authority_is_kept(tmp_path, run, config):
    assert pin_of(CA) == CA.pin
    with secure(tmp_path, leaves.hub, "127.0.0.1") as hub:
        run("login", hub.url, "--ca-pin", CA.pin, "--token", "-", data=TOKEN)
        (context,) = kept(config)["contexts"].values()
        assert (context["ca"], context["pinned"]) == (CA.pem.decode(), True)
        run("get", "nodes")
        assert [asked.path for asked in hub.asked][:2] == ["/ca.pem", "/api/v1/whoami"]
        assert hub.asked[0].headers.get("Authorization") is None


def test_what_is_not_of_the_pin_is_sent_nothing(tmp_path, run, config):
    with secure(tmp_path, leaves.hub, "127.0.0.1", ca=OTHER_CA) as hub:
        done = run("login", hub.url, "--ca-pin", CA.pin, "--token", "-", data=TOKEN, code=1)
        assert "is not the hub of this pin" in done.err
        assert [asked.path for asked in hub.asked] == ["/ca.pem"]
        assert TOKEN not in str(hub.asked)
    assert not config.exists()


def test_one_who_only_shows_the_authority_is_sent_nothing(tmp_path, run):
    """He stands between, shows the real authority, and has no certificate of it."""
    with secure(tmp_path, leaves.hub, "127.0.0.1", ca=OTHER_CA) as hub:
        head = f"HTTP/1.1 200 OK\r\nContent-Length: {len(CA.pem)}\r\n\r\n".encode()
        hub.answers["GET /ca.pem"] = Raw(head + CA.pem)
        done = run("login", hub.url, "--ca-pin", CA.pin, "--token", "-", data=TOKEN, code=1)
        assert "its certificate is not trusted" in done.err
        assert TOKEN not in str(hub.asked)


def test_a_broker_of_the_same_authority_is_not_the_hub(tmp_path, run):
    with secure(tmp_path, leaves.broker, "127.0.0.1") as hub:
        done = run("login", hub.url, "--ca-pin", CA.pin, "--token", "-", data=TOKEN, code=1)
        assert "is not the hub: it shows a broker's certificate" in done.err
        assert TOKEN not in str(hub.asked)


def test_a_hub_of_another_name_is_not_believed(tmp_path, run):
    with secure(tmp_path, leaves.hub, "hub.example") as hub:
        done = run("login", hub.url, "--ca-pin", CA.pin, "--token", "-", data=TOKEN, code=1)
        assert "its certificate is not trusted" in done.err
        assert TOKEN not in str(hub.asked)


def other_server(ca, names, public, when):
    """Sign what is neither hub nor broker, as the authority of a company does."""
    return leaves._signed(ca, "a server", public, when, (leaves.SERVER,), names)


def tried(run, hub, path, code):
    """Ask in each way in which a file of an authority can be given; return what was said."""
    words = ("login", hub.url, "--ca-file", path)
    yield run(*words, "--token", "-", data=TOKEN, code=code).err
    words = ("login", hub.url, "--token", "-")
    yield run(*words, data=TOKEN, code=code, SKERRY_CA_FILE=path).err
    words = ("--hub", hub.url, "--ca-file", path, "get", "nodes")
    yield run(*words, code=code, SKERRY_TOKEN=TOKEN).err


@pytest.mark.parametrize(
    ("leaf", "says"),
    [
        (leaves.broker, "it shows a broker's certificate (broker.skerry.internal)"),
        (other_server, "of the hub's authority, but not for hub.skerry.internal"),
    ],
)
def test_a_broker_is_not_the_hub_whoever_vouches_for_it(tmp_path, run, config, leaf, says):
    (tmp_path / "ca.pem").write_bytes(CA.pem)
    with secure(tmp_path, leaf, "127.0.0.1") as hub:
        for err in tried(run, hub, str(tmp_path / "ca.pem"), 1):
            assert f"127.0.0.1:{hub.port} is not the hub: " in err
            assert says in err
            assert "Nothing was sent to it" in err
        assert hub.asked == []
    assert not config.exists()


def test_an_authority_that_is_no_hubs_vouches_for_any_server_but_a_broker(tmp_path, run, config):
    (tmp_path / "ca.pem").write_bytes(COMPANY.pem)
    with secure(tmp_path, other_server, "127.0.0.1", ca=COMPANY) as hub:
        list(tried(run, hub, str(tmp_path / "ca.pem"), 0))
        (context,) = kept(config)["contexts"].values()
        assert (context["ca"], context["pinned"]) == (COMPANY.pem.decode(), False)
        run("get", "nodes")
    config.unlink()
    with secure(tmp_path, leaves.broker, "127.0.0.1", ca=COMPANY) as hub:
        for err in tried(run, hub, str(tmp_path / "ca.pem"), 1):
            assert "it shows a broker's certificate" in err
        assert hub.asked == []


def test_a_hub_is_believed_by_a_file_of_its_authority_too(tmp_path, run):
    (tmp_path / "ca.pem").write_bytes(CA.pem)
    with secure(tmp_path, leaves.hub, "127.0.0.1") as hub:
        list(tried(run, hub, str(tmp_path / "ca.pem"), 0))


def test_who_knows_no_authority_is_told_of_the_pin_first(tmp_path, run):
    with secure(tmp_path, leaves.hub, "127.0.0.1") as hub:
        err = run("login", hub.url, "--token", "-", data=TOKEN, code=1).err
        assert 0 < err.index("--ca-pin PIN") < err.index("--ca-file")
        assert hub.asked == []


@pytest.mark.parametrize(
    "data", [b"", b"nonsense", b"-----BEGIN CERTIFICATE-----\n", b"x" * 99_999]
)
def test_what_is_no_authority_is_said(tmp_path, run, data):
    with secure(tmp_path, leaves.hub, "127.0.0.1") as hub:
        head = f"HTTP/1.1 200 OK\r\nContent-Length: {len(data)}\r\n\r\n".encode()
        hub.answers["GET /ca.pem"] = Raw(head + data)
        done = run("login", hub.url, "--ca-pin", CA.pin, "--token", "-", data=TOKEN, code=1)
        assert "no authority" in done.err


def test_the_names_are_those_of_the_contract():
    assert joining.HUB_NAME == HUB_NAME
    assert joining.BROKER_NAME == BROKER_NAME
    assert joining.AUTHORITY_PREFIX == AUTHORITY_PREFIX
    assert joining.CA_PATH == "/ca.pem"


# --- as whom --------------------------------------------------------------------------------


def test_who_asks_is_shown(hub, run):
    hub.answers["GET /api/v1/whoami"] = ALICE
    out = run("--hub", hub.url, "whoami").out
    assert "Name:     alice\n" in out
    assert "Scope:    site=quay-3\n" in out
    found = json.loads(run("--hub", hub.url, "whoami", "-o", "json").out)
    assert (found["role"], found["hub"]) == ("operator", hub.url)


def test_who_asks_too_often_asks_again_when_he_may(hub, run):
    refused = problems(429, {"reason": "too many requests: try again in 1 s"})
    refused.headers["Retry-After"] = "1"
    hub.answers["GET /api/v1/whoami"] = Answers(refused, ALICE)
    assert "alice" in run("--hub", hub.url, "whoami").out
    assert len(hub.asked) == 2
    refused.headers["Retry-After"] = "600"
    hub.answers["GET /api/v1/whoami"] = Answers(refused, ALICE)
    assert "too many requests" in run("--hub", hub.url, "whoami", code=1).err
    hub.answers["POST /api/v1/nodes/box-1/cordon"] = refused
    before = len(hub.asked)
    assert "too many requests" in run("--hub", hub.url, "cordon", "box-1", code=1).err
    assert len(hub.asked) == before + 1, "what changes something is asked once"
