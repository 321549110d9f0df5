"""Pods: containers in order, probes, volumes, variables, and what they may not say."""

import pytest
from tests.hub.workloads.kubernetes.samples import container, parse_text, pod, problems, refusals

from skerry_hub.model import Constraint
from skerry_wire.lifecycle import File, HttpProbe, Sealed
from skerry_wire.workload import Mount

MAP = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: c}\ndata: {a.b: x, B: z}\n---\n"


def test_several_containers_share_a_network_but_the_hosts():
    two = pod("").replace("image: x}", "image: x}\n  - {name: side, image: z}")
    assert parse_text(two)[0].lifecycle.shared_network
    assert not parse_text(pod(""))[0].lifecycle.shared_network
    assert not parse_text(two + "  hostNetwork: true\n")[0].lifecycle.shared_network


def test_labels_that_every_node_of_kubernetes_has():
    (found,) = parse_text(
        pod("nodeSelector: {topology.kubernetes.io/zone: a, kubernetes.io/os: linux}")
    )
    assert found.constraints == (
        Constraint(key="node.labels.zone", operator="==", value="a"),
        Constraint(key="node.platform.os", operator="==", value="linux"),
    )


def test_without_a_request_the_limit_is_reserved():
    (found,) = parse_text(pod("", "resources: {limits: {cpu: 1500m, memory: 1G}}"))
    assert (found.resources.cpu_milli, found.resources.memory_bytes) == (1500, 10**9)


def test_what_is_first_reserves_the_most_of_one():
    text = pod("initContainers:\n- {name: a, image: x, resources: {requests: {memory: 3Mi}}}\n"
               "- {name: b, image: x, resources: {requests: {memory: 1Mi}}}",
               "resources: {requests: {memory: 2Mi}}")  # fmt: skip
    (found,) = parse_text(text)
    assert found.resources.memory_bytes == 3 * 2**20


def test_variables_of_both_sorts_the_last_counts():
    own = ("envFrom: [{configMapRef: {name: c}, prefix: P_}]\n"
           "env: [{name: P_B, value: ''}, {name: A, value: b},"
           " {name: A, valueFrom: {secretKeyRef: {name: s, key: k.e.y}}}]")  # fmt: skip
    found = container("", own, before=MAP)
    assert found.environment == {"P_a.b": "x", "P_B": ""}
    assert found.secret_environment == {"A": Sealed(name="s-k-e-y")}


def test_files_of_a_config_map():
    found = container("volumes: [{name: v, configMap: {name: c, items: [{key: B, path: d/y}]}}]",
                      "volumeMounts: [{name: v, mountPath: /etc/c}]", before=MAP)  # fmt: skip
    assert found.files == (File(path="/etc/c/d/y", content=b"z", mode=0o644),)


def test_an_empty_folder_is_the_workloads_own():
    found = container("volumes: [{name: v, emptyDir: {}}]",
                      "volumeMounts: [{name: v, mountPath: /x, readOnly: true}]")  # fmt: skip
    assert found.mounts == (Mount(kind="volume", source="shop-one_v", target="/x", read_only=True),)


def test_a_probe_by_the_name_of_a_port():
    own = "ports: [{name: http, containerPort: 8080}]\n"
    own += "livenessProbe: {httpGet: {port: http, path: a}}"
    found = container("", own)
    assert found.health.http == HttpProbe(port=8080, path="/a")
    assert found.ports == ()


@pytest.mark.parametrize(
    ("spec", "own", "field", "reason"),
    [
        ("restartPolicy: Sometimes", "", "restartPolicy", "must be one of Always"),
        ("hostNetwork: 1", "", "hostNetwork", "must be true or false"),
        ("hostNetwork: [true]", "", "hostNetwork", "must be a text"),
        ("automountServiceAccountToken: true", "", "automountServiceAccountToken", "must be false"),
        ("tolerations: [{operator: Equal}]", "", "tolerations[0]", "key"),
        ("nodeSelector: {a b: c}", "", "nodeSelector.a b", "'a b'"),
        ("volumes: [{name: v}]", "", "volumes[0]", "must have one of configMap"),
        ("volumes: [{name: v, nfs: {}}]", "", "volumes[0].nfs", "mount it on the box"),
        ("volumes: [{name: v, secret: {secretName: s}}]", "", "volumes[0].secret", "needs items"),
        ("volumes: [{name: v, configMap: {name: none}}]", "", "volumes[0].configMap.name",
         "is not among what is applied"),
        ("volumes: [{name: v, hostPath: {path: a}}]", "", "volumes[0].hostPath.path",
         "is not an absolute path"),
        ("hostPID: true\nx-lifecycle: {stopAfter: 60s}", "", "hostPID", "could outlive it"),
        ("x-lifecycle: {job: {}}", "", "x-lifecycle.job", "is for deploy.mode"),
        ("x-placement: {maxPer: 1}", "", "x-placement.maxPer", "must be a mapping"),
        ("", "volumeMounts: [{name: v, mountPath: /x}]", "containers[0].volumeMounts[0].name",
         "the pod has no volume 'v'"),
        ("", "image: A", "containers[0].image", "given twice"),
        ("", "args: ['$(HOME)']", "containers[0].args[0]", "is not replaced here"),
        ("", "env: [{name: A, valueFrom: {fieldRef: {}}}]",
         "containers[0].env[0].valueFrom.fieldRef", "is not supported"),
        ("", "env: [{name: A, valueFrom: {configMapKeyRef: {name: none, key: a}}}]",
         "containers[0].env[0].valueFrom.configMapKeyRef.name", "is not among what is applied"),
        ("", "envFrom: [{secretRef: {name: s}}]", "containers[0].envFrom[0].secretRef",
         "each with a `secretKeyRef`"),
        ("", "resources: {requests: {example.com/fpga: 1}}",
         "containers[0].resources.requests.example.com/fpga", "x-placement.devices"),
        ("", "resources: {requests: {cpu: 0.1m}}", "containers[0].resources.requests.cpu",
         "in whole thousandths"),
        ("", "resources: {requests: {memory: 1MB}}", "containers[0].resources.requests.memory",
         "is not a quantity"),
        ("", "resources: {requests: {nvidia.com/gpu: 1}, limits: {nvidia.com/gpu: 2}}",
         "containers[0].resources.requests", "must be the same in limits"),
        ("", "securityContext: {runAsNonRoot: true}", "containers[0].securityContext.runAsNonRoot",
         "needs a runAsUser"),
        ("", "readinessProbe: {grpc: {port: 1}, exec: {command: [a]}}",
         "containers[0].readinessProbe.grpc", "use `exec` or `tcpSocket`"),
        ("", "readinessProbe: {}", "containers[0].readinessProbe", "must have one of exec"),
        ("", "startupProbe: {exec: {command: [a]}}", "containers[0].startupProbe", "stands alone"),
        ("", "readinessProbe: {exec: {command: [a]}}\nlivenessProbe: {tcpSocket: {port: 1}}",
         "containers[0].livenessProbe", "asks something else"),
        ("", "ports: [{containerPort: 80, hostPort: 0}]", "containers[0].ports[0].hostPort",
         "from 1 to 65535"),
    ],
)  # fmt: skip
def test_what_is_refused(spec, own, field, reason):
    ((_, at, said),) = refusals(spec, own)
    assert at == f"spec.{field}"
    assert reason in said


def test_a_config_map_of_no_base64():
    text = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: c}\nbinaryData: {a: '*'}\n"
    assert problems(text) == [(4, "binaryData.a", "is not base64")]
