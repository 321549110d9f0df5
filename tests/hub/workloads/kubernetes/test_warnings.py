"""What is taken and means less here than it says is told by line; what means the same is not."""

import pytest
from tests.hub.workloads.kubernetes.samples import POD, pod, refusals, warnings
from tests.hub.workloads.kubernetes.test_objects import ENDS, text

LIVENESS = "livenessProbe: {tcpSocket: {port: 80}}"
NOT_RESTARTED = "gates updates and is told as health; nothing is restarted"
DIRECTORY = "volumes: [{{name: v, emptyDir: {{{}}}}}]"
SURGE = "strategy: {{rollingUpdate: {{maxSurge: {}}}}}"


@pytest.mark.parametrize(
    ("written", "field", "reason"),
    [
        (pod("", LIVENESS), "containers[0].livenessProbe", NOT_RESTARTED),
        (pod("", f"{LIVENESS}\nreadinessProbe: {{tcpSocket: {{port: 80}}}}"),
         "containers[0].livenessProbe", NOT_RESTARTED),
        (pod("", "terminationMessagePath: /end"), "containers[0].terminationMessagePath",
         "is ignored"),
        (pod("", "terminationMessagePolicy: FallbackToLogsOnError"),
         "containers[0].terminationMessagePolicy", "is ignored"),
        (pod("", "securityContext: {allowPrivilegeEscalation: false}"),
         "containers[0].securityContext.allowPrivilegeEscalation", "is not enforced"),
        (pod(DIRECTORY.format("sizeLimit: 1Mi")), "volumes[0].emptyDir.sizeLimit",
         "is not enforced"),
        (text("Deployment", SURGE.format("25%")), "strategy.rollingUpdate.maxSurge",
         "is taken as 0"),
        (POD.replace("{name: one}", "{name: one, annotations: {helm.sh/hook: test}}"),
         "metadata.annotations", "is applied like all else"),
        (text("CronJob", f"schedule: '@daily', concurrencyPolicy: Allow, "
              f"jobTemplate: {{spec: {{{ENDS}}}}}", ""), "concurrencyPolicy", "is taken as Forbid"),
    ],
)  # fmt: skip
def test_it_is_told(written, field, reason):
    ((_, at, said),) = warnings(written)
    assert at in (field, f"spec.{field}")
    assert reason in said


@pytest.mark.parametrize(
    "written",
    [
        pod("", "readinessProbe: {tcpSocket: {port: 80}}"),
        pod("", "terminationMessagePath: /dev/termination-log\nterminationMessagePolicy: File"),
        pod("", "securityContext: {allowPrivilegeEscalation: true}"),
        pod(DIRECTORY.format("")),
        text("Deployment", SURGE.format(0)),
    ],
)
def test_what_means_the_same_is_not(written):
    assert warnings(written) == []


def test_the_line_is_that_of_the_file():
    other = POD.replace("one", "two").replace(
        "- {name: web,", "- {name: web,\n   livenessProbe: {exec: {command: [a]}},\n  "
    )
    assert warnings(f"{POD}---\n{POD.replace('one', 'three')}---\n{other}") == [
        (21, "spec.containers[0].livenessProbe", NOT_RESTARTED)
    ]
    item = other.replace("\n", "\n  ")
    assert warnings(f"apiVersion: v1\nkind: List\nitems:\n- {item}\n") == [
        (10, "items[0].spec.containers[0].livenessProbe", NOT_RESTARTED)
    ]


def test_of_one_object_no_more_than_a_hundred():
    many = "".join(f"  - {{name: v{n}, emptyDir: {{sizeLimit: 1Mi}}}}\n" for n in range(101))
    assert len(warnings(f"{POD}  volumes:\n{many}")) == 100


@pytest.mark.parametrize("key", ["readinessProbe", "livenessProbe", "startupProbe"])
def test_an_init_container_has_no_probe(key):
    found = refusals(f"initContainers: [{{name: a, image: x, {key}: {{exec: {{command: [a]}}}}}}]")
    assert (7, f"spec.initContainers[0].{key}") in [one[:2] for one in found]
    assert "is not for an init container" in " ".join(one[2] for one in found)
