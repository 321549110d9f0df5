"""Each command as people run it: output, errors, exit status."""

import json
import os
import re
import socket
import subprocess
import sys

import pytest
from tests.agent.executors import FakeExecutor
from tests.agent.test_capability import box

from lab.broker import Mosquitto
from skerry_wire import __version__


def agent(*words, **environment):
    clean = {k: v for k, v in os.environ.items() if not k.startswith("SKERRY_")}
    clean["PYTHONPATH"] = ":".join(path for path in sys.path if path)
    return subprocess.run(
        [sys.executable, "-m", "skerry_agent.main", *map(str, words)],
        capture_output=True,
        text=True,
        timeout=60,
        env={**clean, **environment},
    )


def test_version():
    done = agent("version")
    assert (done.returncode, done.stdout) == (0, f"skerry-agent {__version__}\n")


@pytest.mark.parametrize(
    "command",
    [(), ("run",), ("join",), ("renew",), ("status",), ("capability",), ("label",), ("check",)],
)
def test_help_says_settings_and_exit_statuses(command):
    done = agent(*command, "--help")
    assert done.returncode == 0
    assert "SKERRY_AGENT_BROKER" in done.stdout
    assert len(re.findall(r"^exit status\b.*:", done.stdout, re.M)) == 1
    assert ", 2 wrong usage or settings" in done.stdout


@pytest.mark.parametrize("words", [(), ("dance",), ("run", "--colour"), ("status", "extra")])
def test_wrong_usage(words):
    done = agent(*words)
    assert done.returncode == 2
    assert "usage: skerry-agent" in done.stderr
    assert done.stdout == ""


@pytest.mark.parametrize("command", ["run", "status", "capability"])
def test_a_wrong_setting_is_named(command):
    done = agent(command, SKERRY_AGENT_HEARTBEAT_S="often")
    assert done.returncode == 2
    variable = "SKERRY_AGENT_HEARTBEAT_S"
    assert done.stderr.startswith(f"skerry-agent: {variable}: heartbeat_s must be")


def test_a_settings_file_that_is_not_there(tmp_path):
    done = agent("run", "--config", tmp_path / "none")
    assert (done.returncode, "no such file" in done.stderr) == (2, True)


def test_capability_of_a_recorded_box(tree):
    done = agent("capability", "--root", box(tree).root, "--json")
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert told["memory"]["total_bytes"] == 1000 * 1024
    assert len(told["accelerators"]) == 11
    for name in ("cpuinfo", "nvml"):
        assert told["probes"][name]["status"] == "absent", "a recorded box has no slow look"


def test_capability_of_this_box(tmp_path):
    done = agent("capability", "--state", tmp_path)
    assert done.returncode == 0, done.stderr
    assert os.uname().machine in done.stdout
    assert "Probes" in done.stdout


def test_the_slow_part_is_waited_for_when_asked_and_then_kept(tmp_path):
    def flags(*words):
        done = agent("capability", "--json", "--state", tmp_path, *words)
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)["probes"]["cpuinfo"]

    assert flags()["status"] == "absent"
    assert flags("--slow")["status"] == "found"
    assert flags()["status"] == "found"


def test_a_root_that_is_no_folder(tmp_path):
    done = agent("capability", "--root", tmp_path / "none")
    assert (done.returncode, "neither a folder nor a file" in done.stderr) == (2, True)


def test_a_reader_that_leaves_is_no_error(tree):
    root = box(tree).root
    code = f"{sys.executable} -m skerry_agent.main capability --json --root {root} | true"
    environment = {**os.environ, "PYTHONPATH": ":".join(path for path in sys.path if path)}
    done = subprocess.run(
        ["bash", "-c", code], capture_output=True, text=True, env=environment, timeout=60
    )
    assert done.stderr == ""


def test_status_without_an_agent_says_what_to_do(tmp_path):
    broker = {"SKERRY_AGENT_BROKER": "mqtt://127.0.0.1:9"}
    done = agent("status", "--control", tmp_path / "none", **broker)
    assert done.returncode == 1
    assert "no agent serves" in done.stderr
    assert "systemctl status skerry-agent" in done.stderr
    assert done.stdout == ""


def test_status_of_a_box_that_has_not_joined_says_what_to_do(tmp_path):
    settings = tmp_path / "agent.toml"
    settings.write_text(f'state = "{tmp_path}/state"\n')
    done = agent("status", "--control", tmp_path / "none", "--config", settings)
    assert (done.returncode, done.stdout) == (1, "")
    assert "skerry-agent join https://HUB" in done.stderr


def test_run_says_why_it_cannot_start(tmp_path):
    (tmp_path / "file").write_text("")
    where = tmp_path / "file" / "state"
    done = agent("run", "--state", where, "--broker", "mqtt://127.0.0.1:9")
    assert done.returncode == 1
    assert "--state" in done.stderr
    assert "Traceback" not in done.stderr


def test_labels_that_were_set_are_in_the_capability(tmp_path):
    settings = tmp_path / "agent.toml"
    settings.write_text(f'state = "{tmp_path}/state"\ncontrol = "{tmp_path}/none"\n')
    done = agent("label", "set", "site=north", "--config", settings)
    assert (done.returncode, done.stderr) == (0, "")
    listed = ("label", "list", "--config", settings)
    assert json.loads(agent(*listed, "-o", "json").stdout)["labels"] == {"site": "north"}
    assert agent(*listed, "-o", "json").stdout == agent(*listed, "--json").stdout
    assert agent(*listed, "-o", "text").stdout == agent(*listed).stdout
    told = json.loads(agent("capability", "-o", "json", "--config", settings).stdout)
    assert told["labels"]["site"] == "north"
    (tmp_path / "state" / "labels.json").write_text("damaged")
    done = agent("capability", "--json", "--config", settings)
    assert (done.returncode, "damaged; remove it" in done.stderr) == (0, True)
    assert "site" not in json.loads(done.stdout)["labels"]


@pytest.mark.parametrize(
    ("words", "status", "why"),
    [
        (["set", "site"], 2, "KEY=VALUE"),
        (["set", "kubernetes.io/arch=arm64"], 2, "worked out from the box"),
        (["list", "site"], 2, "takes no labels"),
        (["unset", "site"], 1, "remove it from [labels]"),
    ],
)
def test_labels_that_cannot_be_changed(tmp_path, words, status, why):
    settings = tmp_path / "agent.toml"
    settings.write_text(f'state = "{tmp_path}/state"\n[labels]\nsite = "north"\n')
    done = agent("label", *words, "--config", settings)
    assert (done.returncode, done.stdout) == (status, "")
    assert why in done.stderr
    assert not (tmp_path / "state" / "labels.json").exists()


def test_check_where_all_is_well(tmp_path):
    broker = Mosquitto(tmp_path / "broker")
    broker.start()
    executor = FakeExecutor(lambda request, visit: None)
    try:
        done = agent(
            "check", "--broker", broker.url, "--state", tmp_path, "--executor", executor.path
        )
    finally:
        executor.close()
        broker.stop()
    lines = [line for line in done.stdout.splitlines() if " udev: " not in line]
    assert [line for line in lines if not line.startswith("ok ")] == []
    assert any("speaks MQTT 5" in line for line in lines)
    for library in ("paho-mqtt", "psutil", "py-cpuinfo", "pyudev", "msgpack", "tenacity"):
        assert any(line.startswith(f"ok  {library}: ") for line in lines)


def test_check_where_nothing_is(tmp_path):
    (tmp_path / "file").write_text("")
    done = agent(
        *("check", "--broker", "mqtt://127.0.0.1:9", "--executor", tmp_path / "none"),
        *("--state", tmp_path / "file" / "state"),
    )
    assert done.returncode == 1
    bad = [line for line in done.stdout.splitlines() if line.startswith("BAD")]
    for words in (
        "BAD broker: does not accept",
        "BAD executor: no socket",
        f"BAD state: {tmp_path}/file/state is not there and cannot be made",
    ):
        assert any(line.startswith(words) for line in bad), done.stdout


def test_check_on_a_port_where_something_is_that_does_not_speak_mqtt(tmp_path):
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        done = agent("check", "--broker", f"mqtt://127.0.0.1:{silent.getsockname()[1]}")
    assert done.returncode == 1
    assert "ok  broker: accepts a connection" in done.stdout
    assert "BAD broker: does not answer to MQTT within 3 s" in done.stdout


def test_check_of_a_host_that_has_no_address():
    done = agent("check", "--broker", "mqtt://no-such-host.invalid")
    assert (
        "BAD broker: mqtt://no-such-host.invalid:1883: the name cannot be resolved" in done.stdout
    )


def test_check_tells_of_labels_that_are_ignored(tmp_path):
    (tmp_path / "agent.toml").write_text('[labels]\n"kubernetes.io/arch" = "x"\nsite = "north"\n')
    done = agent("check", "--config", tmp_path / "agent.toml", "--broker", "mqtt://127.0.0.1:9")
    (line,) = (line for line in done.stdout.splitlines() if " labels: " in line)
    assert line.startswith("BAD labels: ignored in [labels]: 'kubernetes.io/arch': ")


def test_check_of_wrong_settings():
    done = agent("check", SKERRY_AGENT_BROKER="http://x")
    assert done.returncode == 2, "as every other command"
    assert done.stdout.startswith("BAD config: SKERRY_AGENT_BROKER: broker: ")


@pytest.mark.parametrize("words", [("version",), ("capability", "--json"), ("capability",)])
def test_an_output_that_cannot_be_written_is_said_in_one_line(words, tmp_path):
    environment = {**os.environ, "PYTHONPATH": ":".join(path for path in sys.path if path)}
    environment["SKERRY_AGENT_STATE"] = str(tmp_path)
    with open("/dev/full", "w") as full:
        done = subprocess.run(
            [sys.executable, "-m", "skerry_agent.main", *words],
            stdout=full, stderr=subprocess.PIPE, text=True, timeout=60, env=environment,
        )  # fmt: skip
    assert done.returncode == 1
    assert done.stderr == ("skerry-agent: the output cannot be written: No space left on device\n")
