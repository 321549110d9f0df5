"""Documents through the command line of a real hub, which is killed meanwhile."""

import json
import pathlib

import pytest

from lab.broker import Mosquitto
from lab.fleet import Hub

pytestmark = pytest.mark.e2e

GOLDEN = pathlib.Path(__file__).parents[1] / "hub" / "documents.yaml"


@pytest.fixture
def hub(tmp_path):
    broker = Mosquitto(tmp_path / "broker")
    hub = Hub(tmp_path / "hub", broker)
    broker.start()
    hub.start()
    yield hub
    hub.stop()
    broker.stop()


def test_documents_are_planned_applied_changed_and_deleted_and_outlive_the_hub(hub, tmp_path):
    path = tmp_path / "documents.yaml"
    path.write_text(GOLDEN.read_text())
    words = ("plan", "-f", str(path), "--exit-code")
    plan = hub.cli(*words, check=False)
    assert plan.returncode == 5
    assert "policy/eu-only will be created\n" in plan.stdout
    assert "window/quay-3-night created\n" in hub.cli("apply", "-f", str(path)).stdout
    hub.kill()
    hub.start()
    assert hub.cli(*words).stdout.count(" is unchanged\n") == 6

    path.write_text(GOLDEN.read_text().replace("cpuHour: 0.031", "cpuHour: 0.05"))
    done = hub.cli("apply", "-f", str(path)).stdout
    assert "prices/cloud updated\n  ~ cpu_hour: 0.031 -> 0.05\n" in done
    told = hub.cli("describe", "prices", "cloud").stdout
    assert "Cpu-hour:          0.05\n" in told
    assert [line.split()[:2] for line in told.splitlines()[-2:]] == [["2", "put"], ["1", "put"]]
    listed = json.loads(hub.cli("get", "policies", "-o", "json").stdout)
    assert [one["name"] for one in listed["items"]] == ["eu-only"]
    newest = hub.cli("get", "events", "--no-headers").stdout.splitlines()[-1]
    assert newest.split(None, 4)[1:] == [
        "-", "document_put", "Prices/cloud", "version 2; cpu_hour: 0.031 -> 0.05",
    ]  # fmt: skip

    assert hub.cli("delete", "policy", "eu-only").stdout == "policy/eu-only deleted\n"
    missing = hub.cli("delete", "-f", str(path), check=False)
    assert (missing.returncode, "there is no Policy eu-only" in missing.stderr) == (1, True)
    assert hub.get("/api/v1/documents") == {"items": []}
    hub.kill()
    hub.start()
    history = hub.get("/api/v1/documents/Policy/eu-only/history")["items"]
    assert [(one["version"], one["action"]) for one in history] == [(2, "delete"), (1, "put")]


def test_a_file_that_is_wrong_is_told_by_line_and_changes_nothing(hub, tmp_path):
    path = tmp_path / "policies.yaml"
    path.write_text(GOLDEN.read_text() + "---\nkind: Policy\nname: b\nrequird: []\n")
    line = len(GOLDEN.read_text().splitlines()) + 4
    done = hub.cli("apply", "-f", str(path), check=False)
    assert done.returncode == 2
    assert done.stderr == (
        f"{path}:{line}: requird: is not a key of a policy; did you mean required?\n"
    )
    assert hub.get("/api/v1/documents") == {"items": []}
