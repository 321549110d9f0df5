"""Instances as static pods: what a manifest says, what is refused, and what is kept of a pod."""

import dataclasses
import json
import os
import pathlib

import pytest
from tests.executor.orders import NODE, container, instance

from skerry_executor import specs
from skerry_executor.runtimes import mounted, pod_records, pods
from skerry_executor.runtimes.base import Failure, RuntimeFailure
from skerry_executor.runtimes.pod_files import PodFiles
from skerry_executor.runtimes.pod_records import RecordError
from skerry_wire.lifecycle import After, HttpProbe, Job, Lease, TcpProbe
from skerry_wire.workload import DeviceMapping, HealthCheck, Mount, PortMapping

COMPLETED = After(container="first", condition="completed")
HEALTHY = After(container="first", condition="healthy")


def record_of(*containers, **changes):
    of = dataclasses.replace(instance(containers=containers or (container(),)), **changes)
    record = pod_records.new_record(f"skerry-{of.id}", of)
    members = {}
    for number, one in enumerate(of.containers):
        volumes = pods.volumes_of(one, "/volumes", lambda _: 0o020666)
        labels = specs.labels_of(NODE, of, one)
        name = specs.name_of(of.id, one.name)
        members[one.name] = pod_records.member_of(
            f"{number}" * 64, name, one.image, one, labels, of, volumes
        )
    return dataclasses.replace(record, uid="f" * 32, members=members)


def spec_of(*containers, **changes):
    return pod_records.manifest_of(record_of(*containers, **changes))["spec"]


def only(**changes):
    (found,) = spec_of(container(**changes))["containers"]
    return found


# --- the manifest -------------------------------------------------------------------------


def test_a_pod_says_whose_it_is_and_depends_on_no_api_server():
    manifest = pod_records.manifest_of(record_of())
    metadata, spec = manifest["metadata"], manifest["spec"]
    assert metadata["name"] == "skerry-shop-web-0-ffffffff"
    assert metadata["labels"][specs.NODE] == NODE
    assert metadata["annotations"][specs.INSTANCE] == "shop-web-0"
    assert spec["automountServiceAccountToken"] is False
    assert (spec["restartPolicy"], spec["hostname"]) == ("Always", "shop-web-0")
    told = pod_records.told_of(metadata["annotations"])
    assert told["web"].labels == record_of().members["web"].labels
    assert "serviceAccountName" not in json.dumps(manifest)


def test_names_stay_within_kubernetes_limits():
    long = instance(id="a" * 127)
    record = pod_records.new_record(f"skerry-{long.id}", long)
    assert len(record.name) + 9 + 1 + 63 <= 253
    assert len(record.frame["hostname"]) <= 63


def test_what_the_kubelet_would_replace_arrives_as_it_is():
    found = only(environment={"A": "$(B) $"}, entrypoint=("$(X)",), command=("a$$b",))
    assert found["env"] == [{"name": "A", "value": "$$(B) $$"}]
    assert (found["command"], found["args"]) == (["$$(X)"], ["a$$$$b"])


def test_what_is_left_to_the_image_is_not_said():
    found = only(command=None)
    assert not {"command", "args", "workingDir", "ports", "resources", "readinessProbe"} & set(
        found
    )


def test_limits_ports_and_security():
    found = only(
        cpu_limit_milli=250,
        memory_limit_bytes=1000,
        ports=(PortMapping(host=80, container=8080, protocol="udp", host_ip="127.0.0.1"),),
        user="10:20",
        cap_add=("CAP_NET_ADMIN",),
        cap_drop=("ALL",),
        read_only=True,
    )
    assert found["resources"] == {
        "limits": {"cpu": "250m", "memory": "1000"},
        "requests": {"cpu": "25m", "memory": "100"},
    }
    port = {"containerPort": 8080, "hostPort": 80, "protocol": "UDP", "hostIP": "127.0.0.1"}
    assert found["ports"] == [port]
    security = found["securityContext"]
    assert (security["runAsUser"], security["runAsGroup"]) == (10, 20)
    assert security["capabilities"] == {"add": ["NET_ADMIN"], "drop": ["ALL"]}
    assert security["readOnlyRootFilesystem"]
    assert "ports" not in only(network="host", ports=(PortMapping(host=80, container=80),))


def test_volumes_of_every_kind():
    one = container(
        privileged=True,
        mounts=(
            Mount(kind="volume", source="data", target="/data"),
            Mount(kind="volume", target="/scratch"),
            Mount(kind="tmpfs", target="/tmp"),
            Mount(kind="bind", source="/srv", target="/srv", read_only=True),
        ),
        devices=(DeviceMapping(host="/dev/null", container="/dev/hole"),),
    )
    spec = spec_of(one)
    sources = [{key: v for key, v in one.items() if key != "name"} for one in spec["volumes"]]
    assert sources == [
        {"hostPath": {"path": "/volumes/data", "type": "DirectoryOrCreate"}},
        {"emptyDir": {}},
        {"emptyDir": {"medium": "Memory"}},
        {"hostPath": {"path": "/srv"}},
        {"hostPath": {"path": "/dev/null", "type": "CharDevice"}},
    ]
    mounts = spec["containers"][0]["volumeMounts"]
    assert [one["name"] for one in mounts] == [one["name"] for one in spec["volumes"]]
    assert [one["readOnly"] for one in mounts] == [False, False, False, True, False]


@pytest.mark.parametrize(
    ("check", "asks"),
    [
        (
            HealthCheck(command=("CMD-SHELL", "a b")),
            {"exec": {"command": ["/bin/sh", "-c", "a b"]}},
        ),
        (HealthCheck(command=("CMD", "a")), {"exec": {"command": ["a"]}}),
        (
            HealthCheck(command=(), http=HttpProbe(port=80, path="/x")),
            {"httpGet": {"path": "/x", "port": 80, "scheme": "HTTP"}},
        ),
        (HealthCheck(command=(), tcp=TcpProbe(port=80)), {"tcpSocket": {"port": 80}}),
    ],
)
def test_health_checks_are_probes(check, asks):
    probe = only(health=check)["readinessProbe"]
    assert {key: probe[key] for key in asks} == asks
    assert (probe["periodSeconds"], probe["failureThreshold"]) == (30, 3)
    assert "readinessProbe" not in only(health=HealthCheck(command=("NONE",)))


def test_those_that_others_wait_for_come_first():
    first = container("first", restart="no")
    before = container("before")
    spec = spec_of(
        container(after=(COMPLETED,)),
        dataclasses.replace(first, after=(After(container="before"),)),
        before,
    )
    assert [one["name"] for one in spec["initContainers"]] == ["before", "first"]
    assert [one.get("restartPolicy") for one in spec["initContainers"]] == ["Always", None]
    assert [one["name"] for one in spec["containers"]] == ["web"]


def test_one_that_must_be_healthy_has_a_startup_probe():
    check = HealthCheck(command=("true",), interval_s=5.0, start_period_s=20.0, retries=3)
    spec = spec_of(container(after=(HEALTHY,)), container("first", health=check))
    (first,) = spec["initContainers"]
    assert first["restartPolicy"] == "Always"
    assert first["startupProbe"]["failureThreshold"] == 3 + 4


# --- what is refused ----------------------------------------------------------------------


def test_read_only_folders_with_something_below_are_refused():
    table = "x /srv/a\\040b tmpfs rw 0 0\ny / ext4 rw 0 0\n"
    for source, words in (
        ("/srv", "/srv/a b"),
        ("/srv/", "/srv/a b"),
        ("/srv/a b", None),
        ("/sr", None),
    ):
        mount = Mount(kind="bind", source=source, target="/x", read_only=True)
        found = list(mounted.below_read_only(container(mounts=(mount,)), table))
        assert (words is None and found == []) or words in found[0]
        writable = dataclasses.replace(mount, read_only=False)
        assert list(mounted.below_read_only(container(mounts=(writable,)), table)) == []


# --- what is kept -------------------------------------------------------------------------


def test_a_record_is_read_as_it_was_written():
    record = record_of()
    assert pod_records.from_json(pod_records.to_json(record)) == record
    assert (record.whole, record.node) == (True, NODE)
    assert record.member("0" * 64) == record.member("skerry-shop-web-0-web")


@pytest.mark.parametrize(
    "data",
    [b"", b"[]", b"{}", b'{"form": 2}', b"\xff", b"[" * 100_000,
     pod_records.to_json(record_of()).replace(b'"skerry-shop-web-0"', b'"../x"')],
)  # fmt: skip
def test_a_record_that_is_none_is_refused(data):
    with pytest.raises(RecordError):
        pod_records.from_json(data)


def test_a_lease_and_a_job_end_with_the_box(tmp_path):
    for changes in ({"lease": Lease(duration_s=60)}, {"job": Job()}):
        record = record_of(**changes)
        assert record.ephemeral
    manifests, state, run = (tmp_path / name for name in ("manifests", "state", "run"))
    manifests.mkdir()
    files = PodFiles(manifests, state, run)
    files.keep(record)
    files.publish(record)
    place = manifests / "skerry-shop-web-0.json"
    assert place.is_symlink()
    assert {one.stat().st_mode & 0o777 for one in (place, state / "pods" / place.name)} == {0o600}
    assert files.published(record.name)["metadata"]["uid"] == record.uid
    (run / "pods" / place.name).unlink()
    assert files.published(record.name) is None
    files.publish(record)
    files.withdraw(record.name)
    assert (list(manifests.iterdir()), list((run / "pods").iterdir())) == ([], [])
    assert files.records() == (record,)
    files.forget(record.name)
    files.forget(record.name)
    assert files.records() == ()


class Disk:
    """Notes what is synced: its path, and what a kubelet sees in its folder at that time."""

    def __init__(self, manifests):
        self._manifests = manifests
        self.synced = []

    def __call__(self, fd):
        names = os.listdir(self._manifests)
        seen = [name for name in names if not name.startswith(".")]
        self.synced.append((pathlib.Path(os.readlink(f"/proc/self/fd/{fd}")), seen))


def test_a_kubelet_sees_a_manifest_only_once_it_is_whole_and_a_power_cut_changes_nothing(tmp_path):
    manifests = tmp_path / "manifests"
    manifests.mkdir()
    disk, record = Disk(manifests), record_of()
    name, pod = "skerry-shop-web-0", ["skerry-shop-web-0.json"]
    files = PodFiles(manifests, tmp_path / "state", tmp_path / "run", disk)
    files.publish(record)
    assert disk.synced == [(manifests / f".{name}.json.new", []), (manifests, pod)]
    disk.synced.clear()
    files.withdraw(name)
    assert disk.synced == [(manifests, [])], "else a power cut brings the pod back"


def test_the_link_to_what_a_boot_ends_is_made_aside_too(tmp_path):
    (tmp_path / ".skerry-shop-web-0.new").mkdir()
    files = PodFiles(tmp_path, tmp_path / "state", tmp_path / "run")
    with pytest.raises(RuntimeFailure, match="cannot be written"):
        files.publish(record_of(lease=Lease(duration_s=60)))
    assert not (tmp_path / "skerry-shop-web-0.json").exists()


def test_files_that_cannot_be_written_are_said(tmp_path):
    files = PodFiles(tmp_path / "none", tmp_path / "state", tmp_path / "run")
    with pytest.raises(RuntimeFailure) as failure:
        files.publish(record_of())
    assert "the kubelet's folder of manifests, is not there" in failure.value.reason
    files.withdraw("skerry-x")
    full = PodFiles(tmp_path, tmp_path / "state", tmp_path / "run")
    (tmp_path / ".skerry-shop-web-0.json.new").symlink_to("/dev/full")
    with pytest.raises(RuntimeFailure) as failure:
        full.publish(record_of())
    assert failure.value.kind in (Failure.DISK_FULL, Failure.OTHER)
    assert not (tmp_path / "skerry-shop-web-0.json").exists()
