"""The command line: what it prints, and its exit statuses."""

import base64
import contextlib
import dataclasses
import os
import pathlib
import socket
import subprocess
import sys
import threading

import pytest
from tests.executor.orders import INCARNATION, NODE, key_file
from tests.executor.test_job_store import ONE
from tests.executor.test_leasing import grant
from tests.executor.test_switching import TRYING

from skerry_executor import job_store, sealing, state
from skerry_executor.boot_clock import since_boot_s
from skerry_executor.journal import Journal
from skerry_executor.leasing import Leasing
from skerry_executor.main import main
from skerry_executor.runtimes.none import NoRuntime
from skerry_executor.state import Accepted
from skerry_wire import __version__

ROOT = pathlib.Path(__file__).parents[2]
ACCEPTED = Accepted(node=NODE, incarnation=INCARNATION, generation=7, digest="a" * 64, envelope=b"")


@pytest.fixture
def box(tmp_path):
    """Return the options of a box on which all is well, but for the runtime."""
    (tmp_path / "keys").mkdir(mode=0o755)
    (tmp_path / "keys" / "hub.pub").write_text(key_file())
    (tmp_path / "policy.toml").write_text('[images]\nallow = ["localhost"]\n')
    (tmp_path / "policy.toml").chmod(0o644)
    return {
        "--state": str(tmp_path / "state"),
        "--run": str(tmp_path / "run"),
        "--policy": str(tmp_path / "policy.toml"),
        "--keys": str(tmp_path / "keys"),
        "--runtime-socket": str(tmp_path / "runtime"),
    }


def words(command, options):
    return [command, *(word for pair in options.items() for word in pair)]


def test_the_version(capsys):
    assert main(["version"]) == 0
    assert capsys.readouterr().out == f"skerry-executor {__version__}\n"


def test_the_help_names_every_command_and_variable(capsys):
    with pytest.raises(SystemExit) as end:
        main(["--help"])
    assert end.value.code == 0
    shown = capsys.readouterr().out
    for word in ("run", "listen", "reset", "check", "version", "--policy", "EXECUTOR_ALLOW_USER"):
        assert word in shown


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["dance"], "invalid choice: 'dance'"),
        (["listen"], "--socket"),
        (["check", "--idle", "soon"], "--idle: 'soon' is not 0 to 86400 seconds"),
        (["check", "--idle", "nan"], "--idle: 'nan'"),
        (["check", "--idle", "-1"], "--idle"),
        (["check", "--allow-user", "no-such-user"], "there is no user no-such-user"),
        (["listen", "--socket", "/x", "--mode", "9"], "--mode '9' is not octal"),
        (["run"], "no listening socket was passed: start skerry-executor.socket"),
        ([], "no listening socket was passed: start skerry-executor.socket"),
    ],
)
def test_wrong_usage_is_2_and_says_what_is_wrong(capsys, arguments, said):
    try:
        code = main(arguments)
    except SystemExit as end:
        code = end.code
    assert code == 2
    assert said in capsys.readouterr().err


def test_check_says_what_is_in_order_and_what_is_not(box, capsys):
    assert main(words("check", box)) == 1
    lines = capsys.readouterr().out.splitlines()
    assert [line.split(":")[0] for line in lines] == [
        "ok  policy",
        "ok  keys",
        "ok  state",
        "ok  sealing key",
        "BAD runtime",
    ]
    assert "there is no such socket" in lines[4]
    assert "no order has been accepted yet" in lines[2]


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (lambda box: os.unlink(box["--policy"]), "BAD policy: "),
        (lambda box: pathlib.Path(box["--policy"]).write_text("x"), "is not TOML"),
        (lambda box: pathlib.Path(box["--policy"]).write_text(""), "images.allow is empty"),
        (lambda box: os.chmod(box["--policy"], 0o666), "BAD permissions: "),
        (
            lambda box: (pathlib.Path(box["--policy"]).write_text(""),
                         os.chmod(box["--policy"], 0o666)),
            "BAD permissions: ",
        ),
        (lambda box: os.chmod(box["--keys"], 0o777), "chown root, chmod go-w"),
        (lambda box: pathlib.Path(box["--keys"], "hub.pub").chmod(0o666), "hub.pub can be changed"),
        (lambda box: pathlib.Path(box["--keys"], "hub.pub").unlink(), "holds no *.pub"),
        (lambda box: pathlib.Path(box["--keys"], "a.pub").write_text("?"), "a.pub: is not base64"),
        (
            lambda box: (os.mkdir(box["--state"]),
                         pathlib.Path(box["--state"], state.FILE).write_text("damage")),
            "is damaged",
        ),
        (
            lambda box: pathlib.Path(box["--policy"]).write_text(
                f'[images]\nallow = ["localhost"]\n[mounts]\nbind = ["{box["--keys"]}/.."]'
            ),
            "mounts.bind",
        ),
        (
            lambda box: pathlib.Path(box["--policy"]).write_text(
                f'[images]\nallow = ["localhost"]\n[mounts]\nbind = ["{box["--keys"]}"]'
            ),
            "may be mounted writable",
        ),
    ],
)  # fmt: skip
def test_check_finds_what_is_wrong(box, capsys, spoil, said):
    spoil(box)
    assert main(words("check", box)) == 1
    bad = [line for line in capsys.readouterr().out.splitlines() if line.startswith("BAD")]
    assert any(said in line for line in bad), bad


def test_check_tells_what_holds_updates_back_and_which_switch_is_open(box, capsys):
    folder = pathlib.Path(box["--policy"]).parent
    (folder / "hold.d").mkdir()
    (folder / "hold.d" / "shop").write_text("stocktaking\n")
    journal = Journal(pathlib.Path(box["--state"]))
    journal.put({"shop-web-0": dataclasses.replace(TRYING, phase="rolled_back", reason="sick")}, 1)
    main(words("check", box))
    lines = capsys.readouterr().out.splitlines()
    assert "ok  switch: shop-web-0 is rolled back: sick" in lines
    assert f"ok  hold: workload shop: {folder}/hold.d/shop holds it back: stocktaking" in lines
    main([*words("reset", box), "--yes"])
    assert journal.load() == ({}, ())


def test_check_tells_what_is_ended_by_the_box_itself(box, capsys):
    with contextlib.closing(Leasing(pathlib.Path(box["--run"]), NoRuntime("none"))) as held:
        # Seconds are rounded: nearly one may pass on a busy machine.
        held.renew(grant(60.45), since_boot_s(), [])
        held.renew(grant(1.0, "b-0"), since_boot_s() - 5.0, [])
        held.order(NODE, ["a-0", "b-0"], {"job-0": (since_boot_s() + 90.45, 10.0)})
    main(words("check", box))
    lines = capsys.readouterr().out.splitlines()
    assert "ok  lease: a-0 is ended in 60 s unless renewed" in lines
    assert "ok  lease: b-0 is over" in lines
    assert "ok  deadline: job-0 is ended in 90 s" in lines


def test_check_tells_what_listens_there_and_is_no_runtime(box, tmp_path, capsys):
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(tmp_path / "runtime"))
        listener.listen()

        def answer():
            connection, _ = listener.accept()
            connection.recv(4096)
            connection.sendall(b"nonsense\r\n\r\n")
            connection.close()

        thread = threading.Thread(target=answer)
        thread.start()
        assert main(words("check", box)) == 1
        thread.join()
    assert "BAD runtime: the runtime at" in capsys.readouterr().out


def test_check_is_0_where_all_is_well(box, podman, capsys):
    assert main(words("check", {**box, "--runtime-socket": f"unix://{podman.socket}"})) == 0
    assert "ok  runtime: podman" in capsys.readouterr().out


def test_the_key_for_secrets_is_printed_and_stays_the_same(box, capsys):
    assert main(words("sealing-key", box)) == 0
    first = capsys.readouterr().out
    folder = pathlib.Path(box["--state"])
    assert base64.b64decode(first) == sealing.load_or_make(folder).public
    assert main(words("sealing-key", box)) == 0
    assert capsys.readouterr().out == first


def test_reset_asks_first_and_then_forgets(box, capsys):
    folder = pathlib.Path(box["--state"])
    state.save(folder, ACCEPTED)
    job_store.save(folder, {"a-0": ONE})
    assert main(words("reset", box)) == 1
    assert "Add --yes to do it" in capsys.readouterr().err
    assert state.load(folder) == ACCEPTED
    assert main([*words("reset", box), "--yes"]) == 0
    assert capsys.readouterr().out.startswith("forgotten; what runs keeps running")
    assert state.load(folder) is None
    assert job_store.load(folder) == {}
    assert main([*words("reset", box), "--yes"]) == 0
    assert capsys.readouterr().out == "there was nothing to forget\n"


def test_reset_mends_a_damaged_state(box):
    folder = pathlib.Path(box["--state"])
    state.save(folder, ACCEPTED)
    (folder / state.FILE).write_bytes(b"damage")
    assert main([*words("reset", box), "--yes"]) == 0
    assert state.load(folder) is None


def test_options_come_from_the_environment_and_the_command_line_wins(box, tmp_path):
    environment = {
        **os.environ,
        "PYTHONPATH": f"{ROOT / 'wire'}:{ROOT / 'agent'}",
        "SKERRY_EXECUTOR_POLICY": str(tmp_path / "from-the-environment"),
    }
    for options, name in (([], "from-the-environment"), (["--policy", "/given"], "/given")):
        done = subprocess.run(
            [sys.executable, "-m", "skerry_executor.main", "check", *options],
            env=environment,
            capture_output=True,
            text=True,
        )
        assert f"{name} is not there" in done.stdout
