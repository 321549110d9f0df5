"""As whom containers run: what one does not say itself, its pod does."""

import pytest
from tests.hub.workloads.kubernetes.samples import container, pod, problems

NEEDS = "needs a runAsUser that is not 0 for 'web'"


@pytest.mark.parametrize(
    ("of_pod", "own", "user"),
    [
        ("", "", None),
        ("runAsUser: 5", "", "5"),
        ("runAsUser: 5, runAsGroup: 6", "", "5:6"),
        ("runAsUser: 5, runAsGroup: 6", "runAsUser: 7", "7:6"),
        ("runAsUser: 5, runAsGroup: 6", "runAsGroup: 8", "5:8"),
        ("runAsGroup: 6", "runAsUser: 7", "7:6"),
        ("runAsUser: 5", "runAsUser: 0", "0"),
        ("runAsUser: 5", "runAsNonRoot: true", "5"),
        ("runAsNonRoot: true", "runAsUser: 7", "7"),
        ("runAsNonRoot: true", "runAsNonRoot: false", None),
        ("runAsNonRoot: true", "runAsNonRoot: false, runAsUser: 0", "0"),
        ("runAsNonRoot: false", "", None),
        ("seccompProfile: {type: RuntimeDefault}", "seccompProfile: {type: RuntimeDefault}", None),
    ],
)
def test_as_whom(of_pod, own, user):
    found = container(f"securityContext: {{{of_pod}}}", f"securityContext: {{{own}}}")
    assert found.user == user


@pytest.mark.parametrize(
    ("of_pod", "own", "field", "reason"),
    [
        ("runAsNonRoot: true", "", "securityContext.runAsNonRoot", NEEDS),
        ("runAsNonRoot: true, runAsUser: 0", "", "securityContext.runAsNonRoot", NEEDS),
        ("runAsNonRoot: true, runAsUser: 5", "runAsUser: 0", "securityContext.runAsNonRoot", NEEDS),
        ("", "runAsNonRoot: true", "containers[0].securityContext.runAsNonRoot", NEEDS),
        ("runAsGroup: 6", "", "securityContext.runAsGroup", "needs a runAsUser for 'web'"),
        ("", "seccompProfile: {type: Unconfined}",
         "containers[0].securityContext.seccompProfile.type", "must be RuntimeDefault"),
        ("runAsUser: -1", "", "securityContext.runAsUser", "must be a whole number"),
    ],
)  # fmt: skip
def test_what_cannot_be(of_pod, own, field, reason):
    text = pod(f"securityContext: {{{of_pod}}}", f"securityContext: {{{own}}}")
    ((_, at, said),) = problems(text)
    assert at == f"spec.{field}"
    assert reason in said


def test_it_is_said_of_each_container():
    spec = "initContainers: [{name: first, image: x}]\nsecurityContext: {runAsNonRoot: true}"
    found = [reason for _, _, reason in problems(pod(spec))]
    assert [one.rpartition(" ")[2] for one in found] == ["'first'", "'web'"]
