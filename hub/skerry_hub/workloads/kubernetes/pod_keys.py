"""Every key of a pod in Kubernetes manifests: what it means here, or why it is refused.

Beside `keys`, which has the objects around it.
"""

from __future__ import annotations

from skerry_hub.workloads.keys import Keys

_NO_SERVICES = "there are no Kubernetes services on the boxes: remove it"
_NO_ACCOUNTS = "a pod has no API server here to log in to: remove it"
_NODE = "it belongs to the box's own settings: remove it"
_NO_TERMINAL = "use `skerry exec -it`: a workload itself has no terminal"
_ASKED = "the box asks the container itself: remove it"
_PLACE = "write `x-placement`, as in a compose file"
_GROUPS = "let the image own its folders, or use `runAsGroup`"

POD_SPEC = Keys(
    "a pod's spec",
    supported={
        "containers": "Required. Several have one address, and reach each other at localhost.",
        "initContainers": "Each runs to its end before the next container starts.",
        "volumes": "`configMap`, `secret` (with `items`), `emptyDir`, `hostPath`,"
        " `persistentVolumeClaim` (a named volume of the node).",
        "restartPolicy": "`Always` (default), `OnFailure`, `Never`.",
        "terminationGracePeriodSeconds": "30 where not given.",
        "nodeSelector": "Constraints on labels of nodes; `kubernetes.io/arch`,"
        " `kubernetes.io/os` and `kubernetes.io/hostname` on what they say.",
        "tolerations": "Taints that it bears.",
        "hostNetwork": "The node's own network.",
        "hostPID": "The node's processes.",
        "hostIPC": "The node's IPC.",
        "securityContext": "`runAsUser` and `runAsGroup`.",
        "automountServiceAccountToken": "`false`.",
        "enableServiceLinks": "`false`.",
        "x-placement": "What Kubernetes has no word for, as in a compose file. Skerry's own key.",
        "x-lifecycle": "As in a compose file, but for jobs and updates that the manifest tells."
        " Skerry's own key.",
    },
    refused={
        "activeDeadlineSeconds": "use a Job",
        "affinity": _PLACE,
        "dnsConfig": _NODE,
        "dnsPolicy": _NODE,
        "ephemeralContainers": "use `skerry exec`",
        "hostAliases": "let the node resolve the name",
        "hostUsers": _NODE,
        "hostname": "remove it: the runtime names it",
        "hostnameOverride": "remove it: the runtime names it",
        "imagePullSecrets": "use `skerry registry login`",
        "nodeName": "write `x-placement: {constraints: [node.id == ...]}`",
        "overhead": "add it to the `requests` of a container",
        "os": "every box runs Linux: remove it",
        "preemptionPolicy": _PLACE,
        "priority": _PLACE,
        "priorityClassName": _PLACE,
        "readinessGates": "write a `readinessProbe`",
        "resources": "write `resources` of its containers",
        "resourceClaims": "use `x-placement.devices`",
        "runtimeClassName": _NODE,
        "schedulerName": "the hub places it: remove it",
        "schedulingGates": "apply it when it shall run",
        "serviceAccount": _NO_ACCOUNTS,
        "serviceAccountName": _NO_ACCOUNTS,
        "setHostnameAsFQDN": "remove it: the runtime names it",
        "shareProcessNamespace": "its containers have their own processes: put what must see each"
        " other into one container, or write `hostPID`",
        "subdomain": _NO_SERVICES,
        "topologySpreadConstraints": _PLACE,
    },
    usual={
        "affinity": "{}",
        "dnsPolicy": "ClusterFirst",
        "hostAliases": "[]",
        "hostUsers": "true",
        "imagePullSecrets": "[]",
        "preemptionPolicy": "PreemptLowerPriority",
        "priority": "0",
        "schedulerName": "default-scheduler",
        "serviceAccount": "default",
        "serviceAccountName": "default",
        "setHostnameAsFQDN": "false",
        "shareProcessNamespace": "false",
        "topologySpreadConstraints": "[]",
    },
)
CONTAINER = Keys(
    "a container",
    supported={
        "name": "Required.",
        "image": "Required.",
        "command": "Replaces the image's entry point.",
        "args": "Its arguments.",
        "env": "`value`, `configMapKeyRef`, `secretKeyRef`.",
        "envFrom": "`configMapRef`.",
        "workingDir": "An absolute path.",
        "ports": "Those with a `hostPort` are published and reserved on the node; others say"
        " nothing.",
        "resources": "`requests` are reserved, `limits` enforced; `nvidia.com/gpu` and its like"
        " reserve devices.",
        "volumeMounts": "As the pod's `volumes`.",
        "readinessProbe": "The container's health check.",
        "livenessProbe": "The same, where there is no `readinessProbe`; else it must be equal."
        " Nothing is restarted for it, of which a warning tells.",
        "startupProbe": "Its time is the health check's `start_period`; it must ask what the"
        " other does.",
        "imagePullPolicy": "`IfNotPresent` (default), `Always`, `Never`.",
        "securityContext": "`privileged`, `capabilities`, `readOnlyRootFilesystem`, `runAsUser`,"
        " `runAsGroup`.",
        "terminationMessagePath": "Ignored, with a warning unless it is `/dev/termination-log`.",
        "terminationMessagePolicy": "Ignored, with a warning unless it is `File`.",
    },
    refused={
        "lifecycle": "put what it does at its start and end into its image",
        "resizePolicy": "a change of `resources` makes the instance anew: remove it",
        "restartPolicy": "write `restartPolicy` of the pod",
        "restartPolicyRules": "write `restartPolicy` of the pod",
        "stdin": _NO_TERMINAL,
        "stdinOnce": _NO_TERMINAL,
        "tty": _NO_TERMINAL,
        "volumeDevices": "use `x-placement.devices`",
    },
    usual={"stdin": "false", "stdinOnce": "false", "tty": "false"},
)
ENV = Keys(
    "a variable",
    supported={
        "name": "Required.",
        "value": "A text. `$(NAME)` is refused: nothing is put in its place.",
        "valueFrom": "`configMapKeyRef` or `secretKeyRef`.",
    },
)
ENV_SOURCE = Keys(
    "valueFrom",
    supported={
        "configMapKeyRef": "A key of a ConfigMap of the same apply.",
        "secretKeyRef": "`name` and `key`: the hub's secret `<name>-<key>`.",
    },
    refused=dict.fromkeys(("fieldRef", "fileKeyRef", "resourceFieldRef"), "write the value"),
)
KEY_REF = Keys(
    "a reference",
    supported={"name": "Required.", "key": "Required.", "optional": "`false`."},
)
ENV_FROM = Keys(
    "envFrom",
    supported={
        "configMapRef": "A ConfigMap of the same apply: each key a variable.",
        "prefix": "Stands before each name.",
    },
    refused={"secretRef": "name its keys, each with a `secretKeyRef`"},
)
NAME_REF = Keys("a reference", supported={"name": "Required.", "optional": "`false`."})
PORT = Keys(
    "a port",
    supported={
        "containerPort": "Required.",
        "hostPort": "The node's port, reserved there.",
        "hostIP": "The node's address.",
        "protocol": "`TCP` (default) or `UDP`.",
        "name": "What probes may call it.",
    },
)
RESOURCES = Keys(
    "resources",
    supported={
        "limits": "`cpu`, `memory`; devices as `requests` has them.",
        "requests": "`cpu`, `memory`, `ephemeral-storage`, and devices such as `nvidia.com/gpu`.",
    },
    refused={"claims": "use `x-placement.devices`"},
)
VOLUME = Keys(
    "a volume",
    supported={
        "name": "Required.",
        "configMap": "Its keys as files; of the same apply.",
        "secret": "Secrets of the hub as files; `items` are needed.",
        "emptyDir": "A volume of the node that only this instance has; with `medium: Memory` a"
        " file system in memory of each container.",
        "hostPath": "A folder or device of the box; its policy must allow it.",
        "persistentVolumeClaim": "The named volume `<project>_<claim>` of the node.",
    },
    refused=dict.fromkeys(
        (
            "awsElasticBlockStore",
            "azureDisk",
            "azureFile",
            "cephfs",
            "cinder",
            "csi",
            "fc",
            "flexVolume",
            "gcePersistentDisk",
            "gitRepo",
            "glusterfs",
            "iscsi",
            "nfs",
            "photonPersistentDisk",
            "portworxVolume",
            "quobyte",
            "rbd",
            "scaleIO",
            "storageos",
            "vsphereVolume",
        ),
        "mount it on the box, and use `hostPath`",
    )
    | {
        "downwardAPI": "write what it would say into `env`, or into a ConfigMap",
        "ephemeral": "use `emptyDir`",
        "image": "put its files into the container's own image",
        "projected": "use a `configMap` and a `secret` volume, each mounted by itself",
    },
)
FILES = Keys(
    "files of a volume",
    supported={
        "name": "Required of a `configMap`.",
        "secretName": "Required of a `secret`.",
        "items": "Which keys, and as which files.",
        "defaultMode": "0644 where not given; of secrets 0400.",
        "optional": "`false`.",
    },
)
ITEM = Keys("an item", supported={"key": "Required.", "path": "Required.", "mode": "As 0400."})
EMPTY_DIR = Keys(
    "emptyDir",
    supported={"medium": "`Memory`.", "sizeLimit": "Not enforced, of which a warning tells."},
)
HOST_PATH = Keys(
    "hostPath",
    supported={
        "path": "Required.",
        "type": "`Directory`, `File`, `CharDevice` (a device of the container), or empty.",
    },
)
CLAIM = Keys(
    "persistentVolumeClaim",
    supported={"claimName": "Required.", "readOnly": "Mount it read-only."},
)
MOUNT = Keys(
    "a volumeMount",
    supported={
        "name": "Required. The volume.",
        "mountPath": "Required. Where the container finds it.",
        "readOnly": "Mount it read-only.",
        "subPath": "One file of a `configMap` or `secret`.",
    },
    refused={
        "mountPropagation": "mount on the box what the container shall show, and remove it",
        "recursiveReadOnly": "`readOnly` holds for the mount alone: remove it",
        "subPathExpr": "use `subPath`",
    },
    usual={"mountPropagation": "None", "recursiveReadOnly": "Disabled"},
)
PROBE = Keys(
    "a probe",
    supported={
        "exec": "A command in the container.",
        "httpGet": "A request of the box to the container.",
        "tcpSocket": "A connection of the box to the container.",
        "initialDelaySeconds": "Time in which failures do not count.",
        "periodSeconds": "10 where not given.",
        "timeoutSeconds": "1 where not given.",
        "failureThreshold": "3 where not given.",
        "successThreshold": "1.",
    },
    refused={
        "grpc": "use `exec` or `tcpSocket`",
        "terminationGracePeriodSeconds": "write it in the pod's spec",
    },
)
EXEC = Keys("exec", supported={"command": "Required."})
HTTP_GET = Keys(
    "httpGet",
    supported={
        "port": "Required. A number, or the name of one of the container's ports.",
        "path": "`/` where not given.",
        "scheme": "`HTTP` (default) or `HTTPS`.",
    },
    refused={"host": _ASKED, "httpHeaders": "use `exec`"},
    usual={"httpHeaders": "null"},
)
TCP_SOCKET = Keys(
    "tcpSocket",
    supported={"port": "Required. A number, or the name of one of the container's ports."},
    refused={"host": _ASKED},
)
POD_SECURITY = Keys(
    "a pod's securityContext",
    supported={
        "runAsUser": "The user, by number.",
        "runAsGroup": "The group, by number.",
        "runAsNonRoot": "It needs a `runAsUser` that is not 0, of the container or its pod.",
        "seccompProfile": "`RuntimeDefault`, which a container has unless it is privileged.",
    },
    refused={
        "fsGroup": _GROUPS,
        "fsGroupChangePolicy": _GROUPS,
        "seLinuxChangePolicy": _NODE,
        "supplementalGroups": _GROUPS,
        "supplementalGroupsPolicy": _GROUPS,
        "sysctls": _NODE,
        "windowsOptions": "every box runs Linux: remove it",
        "seLinuxOptions": _NODE,
        "appArmorProfile": _NODE,
    },
    usual={"seLinuxOptions": "{}"},
)
SECCOMP = Keys("a seccompProfile", supported={"type": "`RuntimeDefault`."})
SECURITY = Keys(
    "a securityContext",
    supported={
        **POD_SECURITY.supported,
        "privileged": "Full access to the box, where its policy allows that.",
        "capabilities": "`add` and `drop`.",
        "readOnlyRootFilesystem": "Mount the container's root file system read-only.",
        "allowPrivilegeEscalation": "`false` is not enforced, of which a warning tells.",
    },
    refused={
        "procMount": "the runtime hides what it must: remove it, or use `privileged`",
        "windowsOptions": "every box runs Linux: remove it",
        "seLinuxOptions": _NODE,
        "appArmorProfile": _NODE,
    },
    usual={"procMount": "Default", "seLinuxOptions": "{}"},
)
CAPABILITIES = Keys(
    "capabilities", supported={"add": "Beside the usual ones.", "drop": "`ALL` for all."}
)
TOLERATION = Keys(
    "a toleration",
    supported={
        "key": "The taint's key.",
        "operator": "`Equal` (default) or `Exists`.",
        "value": "The taint's value.",
        "effect": "`NoSchedule`, `PreferNoSchedule`, `NoExecute`; every one where not given.",
    },
    refused={"tolerationSeconds": "write `x-lifecycle: {lostAfter: ...}`"},
)

_SPEC = "spec.template.spec"
POD_TABLES: tuple[tuple[str, Keys], ...] = (
    (_SPEC, POD_SPEC),
    (f"{_SPEC}.securityContext", POD_SECURITY),
    (f"{_SPEC}.securityContext.seccompProfile", SECCOMP),
    (f"{_SPEC}.tolerations[]", TOLERATION),
    (f"{_SPEC}.volumes[]", VOLUME),
    (f"{_SPEC}.volumes[].configMap, secret", FILES),
    (f"{_SPEC}.volumes[].configMap.items[], secret.items[]", ITEM),
    (f"{_SPEC}.volumes[].emptyDir", EMPTY_DIR),
    (f"{_SPEC}.volumes[].hostPath", HOST_PATH),
    (f"{_SPEC}.volumes[].persistentVolumeClaim", CLAIM),
    (f"{_SPEC}.containers[]", CONTAINER),
    (f"{_SPEC}.containers[].env[]", ENV),
    (f"{_SPEC}.containers[].env[].valueFrom", ENV_SOURCE),
    (f"{_SPEC}.containers[].env[].valueFrom.configMapKeyRef, secretKeyRef", KEY_REF),
    (f"{_SPEC}.containers[].envFrom[]", ENV_FROM),
    (f"{_SPEC}.containers[].envFrom[].configMapRef", NAME_REF),
    (f"{_SPEC}.containers[].ports[]", PORT),
    (f"{_SPEC}.containers[].resources", RESOURCES),
    (f"{_SPEC}.containers[].volumeMounts[]", MOUNT),
    (f"{_SPEC}.containers[].readinessProbe", PROBE),
    (f"{_SPEC}.containers[].readinessProbe.exec", EXEC),
    (f"{_SPEC}.containers[].readinessProbe.httpGet", HTTP_GET),
    (f"{_SPEC}.containers[].readinessProbe.tcpSocket", TCP_SOCKET),
    (f"{_SPEC}.containers[].securityContext", SECURITY),
    (f"{_SPEC}.containers[].securityContext.capabilities", CAPABILITIES),
)
"""Where each kind of mapping stands in a manifest."""
