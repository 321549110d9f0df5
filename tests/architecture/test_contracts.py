"""What no linter checks: that the tables, the tests and the documents stay together."""

import ast
import itertools
import pathlib
import re
import subprocess
import tomllib

import pytest
import setuptools

from skerry_agent.probes.table import PROBES
from skerry_executor.runtimes import RUNTIMES
from skerry_hub.placement.constraints import CONSTRAINTS
from skerry_hub.placement.scores import SCORES

ROOT = pathlib.Path(__file__).resolve().parents[2]
PRODUCT = ["wire", "agent", "hub"]
MOST_LINES = 400

LONG = {
    "hub/skerry_hub/fleet/columns.py": "every column follows every change of a node",
}
"""Modules that are longer than is questioned, and why."""


def modules(*sides):
    for side in sides or PRODUCT:
        yield from sorted((ROOT / side).glob("skerry_*/**/*.py"))


def name(path):
    return str(path.relative_to(ROOT))


def test_a_module_is_short_or_says_why_not():
    long = {name(path) for path in modules() if len(path.read_text().splitlines()) > MOST_LINES}
    assert long <= LONG.keys()


def test_every_module_says_what_it_is_for():
    silent = [
        name(path)
        for path in modules()
        if path.read_text().strip() and ast.get_docstring(ast.parse(path.read_text())) is None
    ]
    assert silent == []


def test_what_starts_often_has_frozen_classes_that_cost_little():
    programs = itertools.chain(modules("wire", "agent"), (ROOT / "hub/skerry_cli").glob("*.py"))
    slow = [name(path) for path in programs if "dataclass(frozen=True" in path.read_text()]
    assert slow == [], "use skerry_wire.frozen"


def test_importing_does_nothing():
    # No process, file or thread at the top of a module: only what `main` calls.
    called = re.compile(r"^(?:subprocess|threading|socket|os|open|print)[.(]", re.MULTILINE)
    busy = [name(path) for path in modules() if called.search(path.read_text())]
    assert busy == []


HOST = re.compile(r"[a-z]+://[a-z0-9-]+(?:\.[a-z0-9-]+)+")
STANDARDS = {"https://json-schema.org": "names the dialect of a schema; nothing asks it"}


def strings(path):
    """Give the texts that a module's code has, without its docstrings."""
    tree = ast.parse(path.read_text())
    bare = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in bare:
            yield node.value


def test_no_product_file_names_a_host_that_something_could_ask():
    named = {
        (name(path), host)
        for path in modules()
        for text in strings(path)
        for host in HOST.findall(text)
        if host not in STANDARDS and not host.endswith("://127.0.0.1")
    }
    assert named == set()


def test_no_shell_is_ever_used():
    shell = re.compile(r"shell\s*=\s*True|os\.system\(|os\.popen\(|\beval\(|\bexec\(")
    found = [name(path) for path in modules() if shell.search(path.read_text())]
    # It compiles constructors, of the names of a class's own fields alone, as dataclasses does.
    assert found == ["wire/skerry_wire/frozen.py"]


# --- every part has its test --------------------------------------------------------------

TABLES = {
    "tests/agent/probes": [probe.name for probe in PROBES],
    "tests/hub/placement": [*(name for name, _ in CONSTRAINTS), *(name for name, _ in SCORES)],
    "tests/executor/test_contract.py": [known.name for known in RUNTIMES],
}
"""Where what each table lists is tested."""


@pytest.mark.parametrize(("tests", "names"), TABLES.items())
def test_every_entry_of_a_table_is_tested_where_its_like_are(tests, names):
    place = ROOT / tests
    files = [place] if place.is_file() else sorted(place.glob("test_*.py"))
    written = "\n".join(f"{path.stem}\n{path.read_text()}" for path in files)
    missing = [one for one in names if not re.search(rf"(?:\b|test_){one}\b", written)]
    assert missing == []


MIRRORED = {
    "hub/skerry_hub": "tests/hub",
    "hub/skerry_hub/access": "tests/hub/access",
    "hub/skerry_hub/api": "tests/hub/api",
    "hub/skerry_hub/writer": "tests/hub/writer",
    "hub/skerry_hub/fleet": "tests/hub/fleet",
    "hub/skerry_hub/joining": "tests/hub/joining",
    "hub/skerry_hub/pki": "tests/hub/pki",
    "hub/skerry_hub/placement": "tests/hub/placement",
    "hub/skerry_hub/workloads": "tests/hub/workloads",
    "hub/skerry_hub/balance": "tests/hub/balance",
    "hub/skerry_hub/rebalance": "tests/hub/rebalance",
    "hub/skerry_hub/rollout": "tests/hub/rollout",
    "hub/skerry_hub/backup": "tests/hub/backup",
}
ELSEWHERE = {
    "hub/skerry_hub/enrollment_rows.py": "joining/test_enrolling.py, on both databases",
    "hub/skerry_hub/joining/audit_log.py": "joining/test_enrolling.py, on the real log",
    "hub/skerry_hub/joining/broker_door.py": "joining/test_enrolling.py: what it is told",
    "hub/skerry_hub/joining/records.py": "joining/test_enrolling.py keeps and reads them",
    "hub/skerry_hub/joining/shutting_out.py": "api/test_joining.py asks it over HTTP",
    "hub/skerry_hub/patience.py": "fleet/test_silence.py and test_config.py: settings alone",
    "hub/skerry_hub/retention.py": "test_decision_rows.py, test_store.py and test_config.py",
    "hub/skerry_hub/store_beside.py": "test_access_commands.py, before and beside a hub",
    "hub/skerry_hub/access/access.py": "api/test_guarding.py asks what it holds together",
    "hub/skerry_hub/access/audit_rows.py": "test_audit.py, on both databases",
    "hub/skerry_hub/access/token_rows.py": "test_issuing.py, on both databases",
    "hub/skerry_hub/api/callers.py": "test_guarding.py: who asks is told apart",
    "hub/skerry_hub/api/node_answers.py": "test_app.py asks it everything over HTTP",
    "hub/skerry_hub/api/origins.py": "test_app.py",
    "hub/skerry_hub/api/answers.py": "test_app.py asks it everything over HTTP",
    "hub/skerry_hub/api/refusals.py": "test_app.py",
    "hub/skerry_hub/api/requests.py": "test_app.py",
    "hub/skerry_hub/backup/archive.py": "test_backup.py cuts and changes backups",
    "hub/skerry_hub/backup/building.py": "test_backup.py",
    "hub/skerry_hub/backup/making.py": "test_backup.py",
    "hub/skerry_hub/backup/parts.py": "test_backup.py",
    "hub/skerry_hub/backup/placing.py": "test_backup.py kills it anywhere",
    "hub/skerry_hub/backup/restoring.py": "test_backup.py, from and into both databases",
    "hub/skerry_hub/backup/revocations.py": "test_backup.py",
    "hub/skerry_hub/backup/rows.py": "test_backup.py",
    "hub/skerry_hub/broker_connection.py": "test_broker.py and test_broker_reading.py",
    "hub/skerry_hub/broker_url.py": "test_broker.py",
    "hub/skerry_hub/mosquitto_process.py": "test_mosquitto.py and test_broker_supervisor.py",
    "hub/skerry_hub/takeover.py": "test_broker_door.py, on a real broker",
    "hub/skerry_hub/approvals.py": "api/test_approvals.py: from what is applied to the order",
    "hub/skerry_hub/approval_records.py": "api/test_approvals.py keeps and reads them",
    "hub/skerry_hub/held_orders.py": "writer/test_service.py: what a node that is adopted holds",
    "hub/skerry_hub/key_views.py": "api/test_order_keys.py holds them against their schemas",
    "hub/skerry_hub/rotation.py": "test_order_keys.py: what each box is told of every change",
    "hub/skerry_hub/setting_rows.py": "test_store.py and test_order_keys.py",
    "hub/skerry_hub/store_error.py": "test_store.py",
    "hub/skerry_hub/store_opening.py": "test_store.py",
    "hub/skerry_hub/store_rows.py": "test_store.py",
    "hub/skerry_hub/api/apply_files.py": "test_documents.py applies both sorts of files",
    "hub/skerry_hub/api/bodies.py": "test_app.py",
    "hub/skerry_hub/document_reading.py": "test_document_files.py reads every key",
    "hub/skerry_hub/lifecycle.py": "workloads/test_lifecycles.py",
    "hub/skerry_hub/workloads/lifecycle_keys.py": "test_keys.py and test_lifecycles.py",
    "hub/skerry_hub/workloads/kubernetes/keys.py": "test_manifests.py",
    "hub/skerry_hub/workloads/kubernetes/pod_keys.py": "test_manifests.py",
    "hub/skerry_hub/workloads/kubernetes/containers.py": "test_pods.py",
    "hub/skerry_hub/workloads/kubernetes/environment.py": "test_pods.py",
    "hub/skerry_hub/workloads/kubernetes/probes.py": "test_pods.py",
    "hub/skerry_hub/workloads/kubernetes/references.py": "test_pods.py",
    "hub/skerry_hub/workloads/kubernetes/values.py": "test_pods.py",
    "hub/skerry_hub/workloads/kubernetes/volumes.py": "test_pods.py",
    "hub/skerry_hub/health_views.py": "api/test_health.py",
    "hub/skerry_hub/metrics.py": "api/test_app.py reads them as Prometheus does",
    "hub/skerry_hub/model.py": "its records are in every test",
    "hub/skerry_hub/secret_records.py": "api/test_secrets.py",
    "hub/skerry_hub/secret_views.py": "api/test_secrets.py",
    "hub/skerry_hub/writer/sealing.py": "api/test_secrets.py opens what is in the orders",
    "hub/skerry_hub/simulate.py": "cli/test_simulate.py runs it on files of every sort",
    "hub/skerry_hub/views.py": "api/test_app.py holds them against their schemas",
    "hub/skerry_hub/tables.py": "test_store.py holds them against the migrations",
    "hub/skerry_hub/writer/telling.py": "test_taking.py",
    "hub/skerry_hub/writer/acknowledging.py": "test_service.py, message by message",
    "hub/skerry_hub/writer/calling.py": "test_service.py: calls that fail, wait and are too many",
    "hub/skerry_hub/writer/filling.py": "test_service.py: what waits, and for what",
    "hub/skerry_hub/writer/following.py": "test_service.py and test_leasing.py",
    "hub/skerry_hub/writer/stepping.py": "test_rolling.py steps through whole rollouts",
    "hub/skerry_hub/writer/ticking.py": "test_service.py and test_service_leases.py",
    "hub/skerry_hub/writer/receiving.py": "test_service.py feeds it nonsense on every topic",
    "hub/skerry_hub/writer/publishing.py": "test_service.py",
    "hub/skerry_hub/fleet/reserved.py": "test_columns.py: it is a part of them",
    "hub/skerry_hub/api/cordoning.py": "test_app.py",
    "hub/skerry_hub/placement/refusal.py": "test_constraints.py",
    "hub/skerry_hub/fleet/arrays.py": "the kinds of arrays, nothing to run",
    "hub/skerry_hub/fleet/signs.py": "test_columns.py: it is a part of them",
    "hub/skerry_hub/placement/outcome.py": "test_engine.py reads every step of it",
    "hub/skerry_hub/placement/points.py": "what a score is, nothing to run",
    "hub/skerry_hub/placement/operators.py": "test_expression.py tests each of them",
    "hub/skerry_hub/rebalance/records.py": "its records are in every test of the folder",
    "hub/skerry_hub/serving.py": "test_main.py starts it",
    "hub/skerry_hub/joining/sealing_trust.py": "api/test_joining.py",
    "hub/skerry_hub/overlay.py": "test_state.py",
    "hub/skerry_hub/rollout/records.py": "its records are in every test of the folder",
    "hub/skerry_hub/rollout/views.py": "api/test_rollouts.py holds them against their schemas",
    "hub/skerry_hub/rollout_rows.py": "test_store.py, on both databases",
    "hub/skerry_hub/round_trip_list.py": "api/test_round_trips.py reads it over HTTP",
    "hub/skerry_hub/terms.py": "its records are in every test of placement",
    "hub/skerry_hub/work.py": "its functions are in every test of what is asked for",
    "hub/skerry_hub/workloads/asked_for.py": "test_json_workloads.py",
    "hub/skerry_hub/workloads/contained.py": "test_json_workloads.py",
    "hub/skerry_hub/workloads/others.py": "test_x_placement.py: names of a file's other services",
    "hub/skerry_hub/workloads/x_placement_keys.py": "test_keys.py reads every table",
    "hub/skerry_hub/workloads/file_keys.py": "test_configs.py and test_keys.py",
    "hub/skerry_hub/workloads/restarts.py": "test_service.py",
    "hub/skerry_hub/workloads/problems.py": "said by every reader, and seen in their tests",
    "hub/skerry_hub/workloads/reading.py": "read by every reader, and seen in their tests",
}
"""Modules without a test file of their own, and where they are tested."""


@pytest.mark.parametrize(("source", "tests"), MIRRORED.items())
def test_every_module_of_the_hub_has_a_test_file_or_says_where_it_is_tested(source, tests):
    missing = [
        name(path)
        for path in sorted((ROOT / source).glob("*.py"))
        if path.stem != "__init__"
        and name(path) not in ELSEWHERE
        and not (ROOT / tests / f"test_{path.stem}.py").exists()
    ]
    assert missing == []


def test_what_is_excused_is_there():
    for path in itertools.chain(LONG, ELSEWHERE):
        assert (ROOT / path).exists(), path


def test_no_test_patches():
    # Names are put together, so that this file passes itself.
    patches = re.compile("monkey" + "patch|mock" + r"\.patch|unittest\.mock")
    patching = [
        name(path)
        for path in sorted((ROOT / "tests").rglob("*.py"))
        if patches.search(path.read_text())
    ]
    assert patching == []


def test_golden_bytes_that_were_released_are_never_edited():
    """A golden file of the wire, once committed under a version's tag, stays as it is."""
    git = ["git", "-C", str(ROOT)]
    tags = subprocess.run([*git, "tag", "--list", "v*"], capture_output=True, text=True)
    if tags.returncode:
        pytest.skip("this is no git checkout")
    for tag in tags.stdout.split():
        changed = [*git, "diff", "--name-status", tag, "--", "tests/wire/golden"]
        lines = subprocess.run(changed, capture_output=True, text=True, check=True).stdout
        edited = [line for line in lines.splitlines() if not line.startswith("A")]
        assert edited == [], f"edited since {tag}"


def test_every_package_is_shipped():
    built = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]
    folders = built["packages"]["find"]["where"]
    shipped = [one for folder in folders for one in setuptools.find_packages(ROOT / folder)]
    there = {
        ".".join(path.parent.relative_to(ROOT / side).parts)
        for side in PRODUCT
        for path in modules(side)
    }
    assert sorted(there) == sorted(shipped)
