"""Every key of the Kubernetes manifests that are read: what it means here, or why it is refused.

The visible table; the operators' reference is made of it, and nothing is read that it does not
list. Fields: https://kubernetes.io/docs/reference/kubernetes-api/workload-resources/
"""

from __future__ import annotations

from collections.abc import Mapping

from skerry_hub.workloads.keys import Keys
from skerry_hub.workloads.kubernetes.pod_keys import POD_TABLES

_SERVER = "an API server writes it: leave it out"
_IGNORED = "Accepted and ignored: an API server writes it."
_NO_SERVICES = "there are none on the boxes: publish ports with `hostPort`"
_NO_ACCOUNTS = "a pod has no API server here to log in to: remove it"
_TYPE = {
    "apiVersion": "Required.",
    "kind": "Required.",
    "metadata": "Required.",
}
_OBJECT = {**_TYPE, "spec": "Required.", "status": _IGNORED}
_COUNTS = "replicas are of equal worth: remove it, and write how many as `parallelism`"
_HISTORY = "the events of the node tell of earlier runs: remove it"
_SELECTOR = "Required. Must match the template's labels; instances belong to their workload."
_REVISIONS = "the hub's own setting says how many are kept: remove it"

LIST = Keys(
    "a List",
    supported={
        "apiVersion": "Required.",
        "kind": "Required.",
        "items": "The objects, as if each were a document of its own; none is a List.",
        "metadata": _IGNORED,
    },
)
METADATA = Keys(
    "metadata",
    supported={
        "name": "Required. The workload is `<project>-<name>`.",
        "namespace": "The project, where `--project` gives none. Without both it is the name of"
        " the file's folder.",
        "labels": "Labels of the workload for `-l`.",
        "annotations": "Accepted and ignored, `helm.sh/hook` with a warning.",
        "creationTimestamp": _IGNORED,
        "generation": _IGNORED,
        "managedFields": _IGNORED,
        "resourceVersion": _IGNORED,
        "selfLink": _IGNORED,
        "uid": _IGNORED,
    },
    refused={
        "generateName": "write a name",
        "finalizers": _SERVER,
        "deletionGracePeriodSeconds": _SERVER,
        "deletionTimestamp": _SERVER,
        "ownerReferences": "apply its owner, and leave this object out",
    },
)

POD = Keys("a Pod", supported=_OBJECT)
DEPLOYMENT = Keys("a Deployment", supported=_OBJECT)
DAEMON_SET = Keys("a DaemonSet", supported=_OBJECT)
JOB = Keys("a Job", supported=_OBJECT)
CRON_JOB = Keys("a CronJob", supported=_OBJECT)
CONFIG_MAP = Keys(
    "a ConfigMap",
    supported={
        **_TYPE,
        "data": "Texts by key.",
        "binaryData": "Bytes by key, in base64.",
        "immutable": "Accepted and ignored.",
    },
)

DEPLOYMENT_SPEC = Keys(
    "a Deployment's spec",
    supported={
        "replicas": "How many; 1 where not given.",
        "selector": _SELECTOR,
        "template": "Required. The pod.",
        "strategy": "`RollingUpdate` (25 % at once where not given), or `Recreate`: all at once.",
        "minReadySeconds": "How long an instance must be up, and healthy, before it counts.",
        "progressDeadlineSeconds": "How long one may take to get there, 300 where not given.",
    },
    refused={
        "paused": "use `skerry rollout pause`",
        "revisionHistoryLimit": _REVISIONS,
    },
    usual={"paused": "false", "revisionHistoryLimit": "10"},
)
DAEMON_SET_SPEC = Keys(
    "a DaemonSet's spec",
    supported={
        "selector": _SELECTOR,
        "template": "Required. The pod.",
        "updateStrategy": "`RollingUpdate`.",
        "minReadySeconds": "As a Deployment's.",
    },
    refused={"revisionHistoryLimit": _REVISIONS},
    usual={"revisionHistoryLimit": "10"},
)
SELECTOR = Keys(
    "a selector",
    supported={
        "matchLabels": "Labels that the template has.",
        "matchExpressions": "What its labels fulfil, one by one.",
    },
)
EXPRESSION = Keys(
    "an expression",
    supported={
        "key": "Required. The label.",
        "operator": "Required. `In`, `NotIn`, `Exists`, `DoesNotExist`.",
        "values": "Of `In` and `NotIn`, at least one.",
    },
)
STRATEGY = Keys(
    "a strategy",
    supported={
        "type": "`RollingUpdate`, `Recreate`.",
        "rollingUpdate": "`maxUnavailable`; `maxSurge` must be 0.",
    },
)
ROLLING = Keys(
    "rollingUpdate",
    supported={
        "maxUnavailable": "A number or a part, as `25%`.",
        "maxSurge": "0: a new instance takes the place, devices and ports of an old one. `25%`,"
        " which an API server writes by itself, is taken as 0, with a warning.",
        "partition": "0.",
    },
)
JOB_SPEC = Keys(
    "a Job's spec",
    supported={
        "template": "Required. The pod.",
        "backoffLimit": "How often it is begun again after it failed; 3 where not given.",
        "activeDeadlineSeconds": "The most that it may take, its retries included.",
        "completions": "1, or the same as `parallelism`.",
        "parallelism": "So many instances, each of which runs to completion.",
        "selector": "Accepted; instances belong to their workload.",
    },
    refused={
        "backoffLimitPerIndex": _COUNTS,
        "completionMode": _COUNTS,
        "managedBy": "the box itself runs it: remove it",
        "manualSelector": "instances belong to their workload: remove it",
        "maxFailedIndexes": _COUNTS,
        "podFailurePolicy": "every failure counts: write how many may be as `backoffLimit`",
        "podReplacementPolicy": "an instance is begun again only once it has ended: remove it",
        "successPolicy": "it is done when every instance is: remove it",
        "suspend": "apply it when it shall run",
        "ttlSecondsAfterFinished": "it stays until it is deleted: `skerry delete`",
    },
    usual={
        "completionMode": "NonIndexed",
        "manualSelector": "false",
        "podReplacementPolicy": "TerminatingOrFailed",
        "suspend": "false",
    },
)
CRON_JOB_SPEC = Keys(
    "a CronJob's spec",
    supported={
        "schedule": "Required. Five fields as of cron, in UTC, kept by the box itself.",
        "jobTemplate": "Required. The Job.",
        "concurrencyPolicy": "`Forbid`, which it always is; `Allow`, which an API server writes"
        " by itself, is taken as that, with a warning.",
        "timeZone": "`UTC` or `Etc/UTC`.",
    },
    refused={
        "failedJobsHistoryLimit": _HISTORY,
        "startingDeadlineSeconds": "the last run that was missed is caught up: remove it",
        "successfulJobsHistoryLimit": _HISTORY,
        "suspend": "apply it when it shall run",
    },
    usual={
        "failedJobsHistoryLimit": "1",
        "successfulJobsHistoryLimit": "3",
        "suspend": "false",
    },
)
JOB_TEMPLATE = Keys(
    "a jobTemplate",
    supported={"metadata": "Accepted and ignored.", "spec": "Required."},
)
TEMPLATE = Keys(
    "a template",
    supported={
        "metadata": "Its labels are those of the containers and of the workload.",
        "spec": "Required.",
    },
)

TABLES: tuple[tuple[str, Keys], ...] = (
    ("Pod", POD),
    ("Deployment", DEPLOYMENT),
    ("Deployment: spec", DEPLOYMENT_SPEC),
    ("Deployment: spec.selector", SELECTOR),
    ("Deployment: spec.selector.matchExpressions", EXPRESSION),
    ("Deployment: spec.strategy", STRATEGY),
    ("Deployment: spec.strategy.rollingUpdate", ROLLING),
    ("DaemonSet", DAEMON_SET),
    ("DaemonSet: spec", DAEMON_SET_SPEC),
    ("Job", JOB),
    ("Job: spec", JOB_SPEC),
    ("CronJob", CRON_JOB),
    ("CronJob: spec", CRON_JOB_SPEC),
    ("CronJob: spec.jobTemplate", JOB_TEMPLATE),
    ("ConfigMap", CONFIG_MAP),
    ("List", LIST),
    ("metadata", METADATA),
    ("spec.template", TEMPLATE),
    *POD_TABLES,
)
"""Where each kind of mapping stands in a manifest."""

ELSEWHERE: Mapping[str, str] = {
    "Secret": "a secret does not belong into a file that is sent: use `skerry secret create`",
    "Service": _NO_SERVICES,
    "Ingress": _NO_SERVICES,
    "StatefulSet": "use a Deployment; its volumes stay on its nodes",
    "ReplicaSet": "use a Deployment",
    "ReplicationController": "use a Deployment",
    "Namespace": "remove it: a project needs no making",
    "PersistentVolumeClaim": "remove it: a node makes a volume that it lacks",
    "PersistentVolume": "remove it: a node makes a volume that it lacks",
    "ServiceAccount": _NO_ACCOUNTS,
    "Role": _NO_ACCOUNTS,
    "RoleBinding": _NO_ACCOUNTS,
    "ClusterRole": _NO_ACCOUNTS,
    "ClusterRoleBinding": _NO_ACCOUNTS,
    "NetworkPolicy": "it belongs to the box's own firewall: remove it",
    "PodDisruptionBudget": "write how many may be away at once as `maxUnavailable`, and remove it",
    "HorizontalPodAutoscaler": "nothing changes a number by itself: write `replicas`",
}
"""Kinds of Kubernetes that are not read, and what to do instead."""
