"""`skerry-agent join` as people run it, against a small hub of this file's neighbour over TLS."""

import json
import os
import pathlib
import stat
import subprocess
import sys
import time

import pytest
from cryptography import x509
from tests.agent.joining import hubs

from lab.processes import free_port
from skerry_agent import journal
from skerry_agent.joined import JoinedError, read
from skerry_executor.keys import read_keys
from skerry_hub.access import tokens as api_tokens
from skerry_wire import codec

TOKEN = "skj_0123456789abcdef_" + "x" * 43
SYSTEM_PYTHON = "/usr/bin/python3"
"""Debian's own, with its packaged libraries: cryptography 38 on Debian 12."""


@pytest.fixture
def hub(tmp_path):
    (tmp_path / "hub").mkdir()
    with hubs.running(hubs.Hub(tmp_path / "hub")) as hub:
        hub.tokens[TOKEN] = True
        yield hub


class Box:
    def __init__(self, folder):
        self.state, self.keys = folder / "state", folder / "keys"
        self.settings = folder / "agent.toml"
        self.settings.write_text(f'state = "{self.state}"\n')

    def run(self, *words, python=sys.executable, stdin="", **environment):
        clean = {k: v for k, v in os.environ.items() if not k.startswith("SKERRY_")}
        paths = [path for path in sys.path if path]
        if python != sys.executable:
            paths = [path for path in paths if "site-packages" not in path and "lib/" not in path]
        return subprocess.run(
            [python, "-m", "skerry_agent.main", *map(str, words)],
            input=stdin,
            capture_output=True,
            text=True,
            timeout=120,
            env={**clean, "PYTHONPATH": ":".join(paths), **environment},
        )

    def words(self, hub, *more, token=("--token", TOKEN), pin=None):
        where = ("--config", self.settings, "--trusted-keys", self.keys, "--wait", "0")
        return ("join", hub.url, *token, "--ca-pin", pin or hub.pin, *where, *more)

    def join(self, hub, *more, **options):
        words = {name: options.pop(name) for name in ("token", "pin") if name in options}
        return self.run(*self.words(hub, *more, **words), **options)

    @property
    def joined(self):
        return read(self.state)

    @property
    def identity(self):
        return codec.decode(journal.Identity, (self.state / "identity").read_bytes())

    def file(self, name):
        return (self.state / "joined" / name).read_text()

    @property
    def files(self):
        return sorted(path.name for path in (self.state / "joined").iterdir())


@pytest.fixture
def box(tmp_path):
    return Box(tmp_path)


def test_a_box_joins(hub, box):
    done = box.join(hub, "--node-id", "till-3")
    assert done.returncode == 0, done.stderr
    assert "joined: node till-3" in done.stdout
    assert TOKEN not in done.stdout + done.stderr
    assert box.identity.node == "till-3"
    found = box.joined
    assert (found.node, found.pin, found.hubs) == ("till-3", hub.pin, (hub.url,))
    assert found.broker == "mqtts://localhost:8883"
    assert box.files == ["box.pem", "broker-ca.pem", "ca.pem", "hub.json"]
    for name in box.files:
        assert stat.S_IMODE((box.state / "joined" / name).stat().st_mode) == 0o600
    assert stat.S_IMODE((box.state / "joined").stat().st_mode) == 0o700
    certificate = x509.load_pem_x509_certificate(box.file("box.pem").encode())
    assert certificate == hub.issued["till-3"][-1]
    assert hubs.ORDER_KEY in (box.keys / "hub.pub").read_text()
    assert stat.S_IMODE((box.keys / "hub.pub").stat().st_mode) == 0o644
    assert "BEGIN PRIVATE KEY" not in str(hub.requests), "the key never leaves the box"


@pytest.mark.skipif(not pathlib.Path(SYSTEM_PYTHON).exists(), reason="no Debian's Python here")
def test_with_debians_own_libraries(hub, box):
    done = box.join(hub, "-o", "json", python=SYSTEM_PYTHON)
    if "python3-cryptography" in done.stderr:
        pytest.skip("Debian's python3-cryptography is not installed here")
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert told["node"] == box.identity.node
    assert abs(told["certificate"]["until"] - time.time() - 90 * 86_400) < 60
    done = box.run("renew", "--config", box.settings, python=SYSTEM_PYTHON)
    assert done.returncode == 0, done.stderr


def test_the_executor_reads_the_key(hub, box):
    hub.order_keys = (hubs.ORDER_KEY, "A" * 43 + "=")
    assert box.join(hub).returncode == 0
    found = read_keys(box.keys)
    assert (len(found.by_id), found.problems) == (2, ())
    (box.keys / "mine.pub").write_text("B" * 43 + "=\n")
    hub.order_keys = (hubs.ORDER_KEY,)
    assert box.join(hub).returncode == 0
    assert sorted(path.name for path in box.keys.iterdir()) == ["hub.pub", "mine.pub"]


@pytest.mark.parametrize("way", ["stdin", "file", "environment"])
def test_a_token_that_others_cannot_see(hub, box, way, tmp_path):
    (tmp_path / "token").write_text(TOKEN + "\n")
    token, options = {
        "stdin": (("--token", "-"), {"stdin": TOKEN + "\n"}),
        "file": (("--token-file", tmp_path / "token"), {}),
        "environment": ((), {"SKERRY_JOIN_TOKEN": TOKEN}),
    }[way]
    done = box.join(hub, token=token, **options)
    assert done.returncode == 0, done.stderr


def test_joining_again_keeps_key_and_id(hub, box):
    assert box.join(hub).returncode == 0
    before, key = box.identity, box.file("box.pem").split("-----BEGIN CERTIFICATE")[0]
    done = box.join(hub)
    assert done.returncode == 0, done.stderr
    assert box.identity == before
    assert box.file("box.pem").startswith(key)
    done = box.join(hub, "--node-id", "other")
    assert (done.returncode, "--new-identity" in done.stderr) == (1, True)


def test_a_new_identity_is_another_box(hub, box):
    assert box.join(hub).returncode == 0
    (box.state / "journal").write_bytes(b"orders of the other")
    before, key = box.identity, box.file("box.pem")[:200]
    done = box.join(hub, "--new-identity")
    assert done.returncode == 0, done.stderr
    assert box.identity.node != before.node
    assert box.identity.incarnation != before.incarnation
    assert box.file("box.pem")[:200] != key
    assert not (box.state / "journal").exists()


def test_a_new_identity_waits_for_the_agent_to_end(hub, box):
    assert box.join(hub).returncode == 0
    agent = journal.Journal(box.state)
    done = box.join(hub, "--new-identity")
    agent.close()
    assert (done.returncode, "stop it" in done.stderr) == (1, True)


def test_a_token_may_say_which_node(hub, box):
    hub.tokens[TOKEN] = "till-9"
    assert box.join(hub).returncode == 0
    assert box.identity.node == box.joined.node == "till-9"


def test_a_token_for_another_node_takes_that_ones_place_only_with_a_new_identity(hub, box):
    assert box.join(hub, "--node-id", "till-1").returncode == 0
    hub.tokens[TOKEN] = "till-9"
    before, kept, enrolled = box.identity, box.file("box.pem"), dict(hub.enrolled)
    done = box.join(hub)
    assert done.returncode == 1, done.stderr
    assert "this box is node till-1; the token is for node till-9" in done.stderr
    assert (box.identity, box.file("box.pem"), hub.enrolled) == (before, kept, enrolled)
    assert box.join(hub, "--new-identity").returncode == 0
    assert box.identity.node == "till-9"


def test_a_wrong_pin_sends_nothing(hub, box):
    done = box.join(hub, pin="sha256:" + "0" * 64)
    assert done.returncode == 1
    assert hub.pin in done.stderr
    assert "Nothing was sent" in done.stderr
    assert hub.requests == []
    assert box.joined is None


def test_somebody_between_who_shows_the_right_authority_gets_no_token(hub, box, tmp_path):
    (tmp_path / "other").mkdir()
    other = hubs.Hub(tmp_path / "other")
    other.shown_authority = hub.authority.pem
    with hubs.running(other):
        done = box.join(other, pin=hub.pin)
    assert done.returncode == 1, done.stderr
    assert "did not sign" in done.stderr
    assert other.requests == []


def test_a_broker_cannot_stand_for_the_hub(hub, box, tmp_path):
    (tmp_path / "broker").mkdir()
    broker = hubs.Hub(tmp_path / "broker", kind="broker")
    broker.authority = hub.authority
    with hubs.running(broker):
        done = box.join(broker, pin=hub.pin)
    assert done.returncode == 1, done.stderr
    assert "not the hub" in done.stderr
    assert broker.requests == []


def test_the_port_of_a_broker_that_asks_for_certificates_is_said_at_once(box, tmp_path):
    (tmp_path / "broker").mkdir()
    broker = hubs.Hub(tmp_path / "broker", kind="broker")
    broker.asks_certificates = True
    with hubs.running(broker):
        done = box.join(broker, "--wait", "60")
    assert done.returncode == 1, done.stderr
    assert "asks for a certificate" in done.stderr
    assert "perhaps the broker's port" in done.stderr
    assert "tried again" not in done.stderr + done.stdout


def test_a_name_that_the_certificate_has_not(box, tmp_path):
    (tmp_path / "hub").mkdir()
    with hubs.running(hubs.Hub(tmp_path / "hub", names=("hub.example", "10.1.2.3"))) as hub:
        done = box.join(hub)
    assert done.returncode == 1
    assert "not for 'localhost'" in done.stderr
    assert "hub.example" in done.stderr
    assert "10.1.2.3" in done.stderr
    assert hub.requests == []


@pytest.mark.parametrize(
    ("status", "reason", "exit_status"),
    [
        (401, "the token is not valid (any more): ask for a new one", 1),
        (409, "node till-3 is enrolled with another key", 1),
        (429, "too many", 3),
        (503, "the hub starts", 3),
        (404, "", 1),
    ],
)
def test_what_the_hub_refuses_is_said(hub, box, status, reason, exit_status):
    hub.answer_with = hubs.refusal(status, reason)
    done = box.join(hub)
    assert done.returncode == exit_status
    assert reason in done.stderr
    assert box.joined is None


def test_a_hub_that_comes_later_is_waited_for(box, tmp_path):
    (tmp_path / "hub").mkdir()
    hub = hubs.Hub(tmp_path / "hub")
    hub.tokens[TOKEN] = True
    hub.port = free_port()
    words = list(map(str, box.words(hub)))
    words[words.index("--wait") + 1] = "20"
    environment = {**os.environ, "PYTHONPATH": ":".join(filter(None, sys.path))}
    command = [sys.executable, "-m", "skerry_agent.main", *words]
    with subprocess.Popen(command, stderr=subprocess.PIPE, env=environment, text=True) as joining:
        assert "is node" in joining.stderr.readline()
        assert "nobody listens" in joining.stderr.readline()
        hub.start(hub.port)
        said = joining.stderr.read()
    hub.stop()
    assert joining.returncode == 0, said


@pytest.mark.parametrize(
    ("url", "said", "status"),
    [
        ("https://nowhere.invalid:8443", "cannot be resolved", 3),
        ("https://127.0.0.1:9", "nobody listens", 3),
        ("http://hub.example:8440", "never sent in the clear", 2),
        ("hub.example", "is no hub", 2),
        ("https://user@hub", "nothing else", 2),
    ],
)
def test_wrong_addresses(hub, box, url, said, status):
    words = list(box.words(hub))
    words[1] = url
    done = box.run(*words)
    assert (done.returncode, said in done.stderr) == (status, True), done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--token", "short"), "not one"),
        ((), "is needed"),
        (("--token", TOKEN, "--token-file", "/dev/null"), "one of them"),
        (("--token-file", "/nowhere"), "no such file"),
        (("--token", TOKEN, "--node-id", "Not_One"), "node_id"),
        (("--token", TOKEN, "--wait", "-1"), "--wait"),
    ],
)
def test_wrong_usage(hub, box, words, said):
    done = box.join(hub, *words, token=())
    assert (done.returncode, said in done.stderr) == (2, True), done.stderr


@pytest.mark.parametrize("way", ["argument", "stdin"])
def test_a_token_for_the_api_is_told_from_one_for_a_box_before_anything_is_sent(hub, box, way):
    text = api_tokens.text_of(b"12345678", b"x" * 32)
    token = ("--token", text if way == "argument" else "-")
    done = box.join(hub, token=token, stdin=text)
    assert done.returncode == 2
    assert "this is a token for the hub's API" in done.stderr
    assert "`skerry token create`" in done.stderr
    assert text not in done.stdout + done.stderr
    assert hub.requests == []


def test_a_box_that_was_revoked_is_told_how_it_comes_back(hub, box):
    assert box.join(hub, "--node-id", "till-3").returncode == 0
    hub.revoked.add("till-3")
    done = box.run("renew", "--config", box.settings, "--wait", "0", "-o", "json")
    assert done.returncode == 1
    told = json.loads(done.stdout)
    assert (told["renewed"], told["refused"]) == (False, True)
    assert told["error"].endswith("(`skerry token create --node till-3`)")


def test_a_wrong_pin_is_usage(hub, box):
    done = box.join(hub, pin="sha256:abc")
    assert (done.returncode, "64 hexadecimal" in done.stderr) == (2, True)


def test_an_answer_for_another_key_is_not_kept(hub, box, tmp_path):
    (tmp_path / "second").mkdir()
    other = Box(tmp_path / "second")
    assert other.join(hub).returncode == 0
    path, body = hub.requests[-1]
    hub.answer_with = hub.answer(path, body)
    done = box.join(hub)
    assert (done.returncode, "another key" in done.stderr) == (1, True)
    assert box.joined is None
    assert not (box.keys / "hub.pub").exists()


def test_an_answer_of_another_authority_is_not_kept(hub, box):
    hub.answer_with = None
    real, hub.authority = hub.authority, hubs.of(hub.folder)
    done = box.join(hub, pin=real.pin)  # the server shows what the first one signed
    assert done.returncode == 1, done.stdout
    assert box.joined is None


@pytest.mark.parametrize("body", [b"", b"{}", b"[]", b"x" * 70_000, b'{"node": 5}'])
def test_nonsense_is_no_answer(hub, box, body):
    hub.answer_with = (200, body)
    done = box.join(hub)
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    assert box.joined is None


def test_links_in_the_state_folder_are_not_followed(hub, box, tmp_path):
    # It is the agent's folder, and root writes there.
    precious = tmp_path / "precious"
    precious.write_text("root's")
    (box.state / "joined").mkdir(parents=True)
    for name in ("box.pem", ".box.pem.new", "hub.json", "next.json", ".next.json.new"):
        (box.state / "joined" / name).symlink_to(precious)
    done = box.join(hub)
    assert precious.read_text() == "root's", done.stderr


def test_the_folder_is_no_link(hub, box, tmp_path):
    (tmp_path / "elsewhere").mkdir()
    box.state.mkdir()
    (box.state / "joined").symlink_to(tmp_path / "elsewhere")
    assert box.join(hub).returncode == 1
    assert list((tmp_path / "elsewhere").iterdir()) == []


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root to make a folder another user's")
def test_what_root_writes_belongs_to_the_agent(hub, box):
    box.state.mkdir(mode=0o700)
    os.chown(box.state, 1234, 1234)
    assert box.join(hub).returncode == 0
    for path in [box.state / "identity", *(box.state / "joined").iterdir(), box.state / "joined"]:
        assert (path.stat().st_uid, path.stat().st_gid) == (1234, 1234)


def test_no_room_for_keys_is_said_before_the_token_is_used(hub, box):
    box.keys.write_text("a file, not a folder")
    done = box.join(hub)
    assert done.returncode == 1
    assert str(box.keys) in done.stderr
    assert hub.requests == []


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root to be somebody else")
def test_who_is_not_root_is_told_to_be(hub):
    words = ("--token", TOKEN, "--ca-pin", hub.pin, "--state", "/root/skerry-agent", "--wait", "0")
    done = subprocess.run(
        [sys.executable, "-m", "skerry_agent.main", "join", hub.url, *words],
        capture_output=True,
        text=True,
        env={"PYTHONPATH": ":".join(filter(None, sys.path))},
        user="nobody",
    )
    if "No module named" in done.stderr:
        pytest.skip("nobody cannot read this checkout")
    assert done.returncode == 1
    assert "run this as root (sudo)" in done.stderr
    assert hub.requests == []


@pytest.fixture
def full_disk(tmp_path):
    """Return a disk of 64 KiB, full but for a little, and what frees it."""
    place = tmp_path / "disk"
    place.mkdir()
    made = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=64k", "none", place], capture_output=True, text=True
    )
    if made.returncode:
        pytest.skip(f"no file system can be mounted here: {made.stderr.strip()}")
    (place / "fill").write_bytes(b"x" * 60 * 1024)
    yield place
    subprocess.run(["umount", "-l", place], check=True)


def test_a_full_disk_is_said_before_the_token_is_used(hub, tmp_path, full_disk):
    box = Box(tmp_path)
    box.state = full_disk / "state"
    box.settings.write_text(f'state = "{box.state}"\n')
    done = box.join(hub)
    assert done.returncode == 1
    assert "no space left on device; make room on this disk" in done.stderr
    assert hub.requests == []
    (full_disk / "fill").unlink()
    assert box.join(hub).returncode == 0


# Runs joins one after the other, each in a child of its own that ends at the n-th thing that it
# does to the outside, as a power cut would. Only the first one pays for what they import.
CUT = """
import json, os, sys
import skerry_agent.main, skerry_agent.commands.join, skerry_agent.joining.course
import skerry_agent.config, skerry_agent.host
DOING = {"os.rename", "os.remove", "os.mkdir", "socket.connect", "os.chmod"}
def run(at, words):
    left = [at]
    def hook(event, arguments):
        writes = event == "open" and isinstance(arguments[2], int) and arguments[2] & os.O_CREAT
        if event in DOING or writes:
            left[0] -= 1
            if left[0] == 0:
                os.kill(os.getpid(), 9)
    sys.addaudithook(hook)
    os.dup2(2, 1)
    return skerry_agent.main.main(words)
for line in sys.stdin:
    at, words = json.loads(line)
    child = os.fork()
    if child == 0:
        os._exit(run(at, words))
    print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)
"""


@pytest.fixture
def joins(tmp_path):
    environment = {**os.environ, "PYTHONPATH": ":".join(filter(None, sys.path))}
    with (tmp_path / "said").open("w") as said:
        command = [sys.executable, "-c", CUT]
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": said}
        with subprocess.Popen(command, text=True, env=environment, **pipes) as program:

            def run(words, at=0):
                program.stdin.write(json.dumps([at, list(map(str, words))]) + "\n")
                program.stdin.flush()
                return int(program.stdout.readline())

            yield run
            program.stdin.close()


@pytest.mark.parametrize("more", [(), ("--new-identity",)], ids=["first", "new-identity"])
def test_cut_off_at_any_point_and_run_again_it_ends_well(hub, tmp_path, joins, more):
    cut, status = 0, -9
    while status == -9:
        cut += 1
        (tmp_path / f"box-{cut}").mkdir()
        box = Box(tmp_path / f"box-{cut}")
        if more:
            assert joins(box.words(hub)) == 0
        enrolled = len(hub.enrolled)
        status = joins(box.words(hub, *more), at=cut)
        if status == -9:
            try:
                _ = box.joined  # whole or not there: never damaged
            except JoinedError as error:
                raise AssertionError(cut) from error
            assert joins(box.words(hub, *more)) == 0, (cut, (tmp_path / "said").read_text())
        assert box.joined.node == box.identity.node
        certificate = x509.load_pem_x509_certificate(box.file("box.pem").encode())
        assert certificate == hub.issued[box.joined.node][-1]
        assert (box.keys / "hub.pub").exists()
        assert box.files == ["box.pem", "broker-ca.pem", "ca.pem", "hub.json"]
        if not more:
            assert len(hub.enrolled) == enrolled + 1, f"cut {cut}: another key was made"
    assert status == 0
    assert cut > 25
