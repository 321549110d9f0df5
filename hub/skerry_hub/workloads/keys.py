"""Every key of a compose file: what it means here, or why it is refused. The visible table.

The operators' reference is made of it, and nothing is read that it does not list.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping


@dataclasses.dataclass(frozen=True, slots=True)
class Keys:
    """The keys that one kind of mapping may have. `refused`: the specification knows them.

    `usual`: of refused keys, the value (as it is written) at which they change nothing; at that
    they are taken, since programs write them.
    """

    title: str
    supported: Mapping[str, str]
    refused: Mapping[str, str] = dataclasses.field(default_factory=dict)
    usual: Mapping[str, str] = dataclasses.field(default_factory=dict)


_NETWORKS = "each container has its node's bridge network; choose `network_mode`"
_FILES = "the file is not on the node; write the values here"
_NODE = "it belongs to the box's own settings"
_NAMES = "names are made of project, service and replica"
_IMAGE_BUILD = "build the image before, and push it where the nodes can pull it"
_ROLLBACK = "a way back goes as `update_config` says"

FILE = Keys(
    "a compose file",
    supported={
        "name": "The project: the first part of each workload's name. Without it, the name of the"
        " file's folder.",
        "services": "The services; each becomes the workload `<project>-<service>`.",
        "configs": "The files that services are given; see below.",
        "secrets": "The secrets that services are given, by their names at the hub.",
        "volumes": "The named volumes that services use, declared.",
        "version": "Accepted and ignored, as the specification says.",
    },
    refused={
        "include": "give each file to `apply` with its own -f",
        "models": "",
        "networks": _NETWORKS,
    },
)

SERVICE = Keys(
    "a service",
    supported={
        "cap_add": "Capabilities beside the runtime's default ones, with or without `CAP_`.",
        "cap_drop": "Capabilities that are taken away; `ALL` for all.",
        "command": "A list, or a text that is split as a shell would, without one running.",
        "configs": "A list of names of the top-level `configs`, or the long form; each is a file"
        " that the container only reads.",
        "cpus": "Limit of processors, as `deploy.resources.limits.cpus`.",
        "depends_on": "Containers of the same instance that start before this one, as a list or"
        " with conditions; see below. Services that are no parts of one another (`x-part-of`) run"
        " on nodes of their own and start on their own.",
        "deploy": "Replicas, resources, placement and updates; see below.",
        "devices": "Device nodes: `/dev/x`, `/dev/x:/dev/y`, `/dev/x:/dev/y:rwm`, or the long"
        " form; CDI names, as `vendor.example/camera=front`.",
        "entrypoint": "As `command`; replaces the image's entry point.",
        "environment": "A mapping, or a list of `NAME=value`. Each needs its value.",
        "gpus": "A number of graphics processors to reserve, or a list of requests as in"
        " `deploy.resources.reservations.devices`.",
        "healthcheck": "See below.",
        "image": "Required. What the node's runtime pulls: `registry/path:tag` or `@sha256:...`.",
        "init": "Run the runtime's init as process 1.",
        "ipc": "`private` or `host`.",
        "labels": "Labels of the container, and of the workload for `-l`. A change replaces the"
        " container; see `deploy.labels`.",
        "logging": "How much of what the container writes is kept on its node; see below.",
        "mem_limit": "Limit of memory, as `deploy.resources.limits.memory`.",
        "mem_reservation": "Memory to reserve, as `deploy.resources.reservations.memory`.",
        "network_mode": "`bridge` (default), `host` or `none`; `service:web` for a part of `web`:"
        " all containers of the instance have one address then, and reach each other at"
        " localhost.",
        "pid": "`host`: share the processes of the box.",
        "pids_limit": "Limit of processes and threads, as `deploy.resources.limits.pids`.",
        "platform": "`linux/arm64`: only nodes of this architecture, as the constraint"
        " `node.platform.arch == arm64`. What is pulled is always the node's own platform.",
        "ports": "`8080:80`, `127.0.0.1:8080:80/udp`, `[::1]:8080:80`, ranges of equal length"
        " `8000-8010:8000-8010`, or the long form. The node's port must be given, because it is"
        " reserved there.",
        "privileged": "Full access to the box, where its policy allows that.",
        "pull_policy": "`missing` (default), `if_not_present` (the same), `always`, `never`.",
        "read_only": "Mount the container's root file system read-only.",
        "restart": "`always` (default), `no`, `on-failure`, `on-failure:5`; `unless-stopped` is"
        " `always`, since nobody but Skerry stops an instance.",
        "scale": "As `deploy.replicas`.",
        "secrets": "A list of names of the top-level `secrets`, or the long form; each is a file"
        " in `/run/secrets`.",
        "stop_grace_period": "How long a stopping container has before it is killed, as `10s`"
        " (default).",
        "stop_signal": "As `SIGINT`, `INT`, `2` or `SIGRTMIN+3`; every signal that Linux has.",
        "tmpfs": "One folder or a list, each a file system in memory.",
        "user": "User, or `user:group`.",
        "volumes": "`name:/folder`, `/box/folder:/folder`, each with `:ro` or `:rw`, or the long"
        " form. See below.",
        "working_dir": "An absolute path.",
        "x-lifecycle": "What becomes of instances when nobody hears of them, jobs and updates; see"
        " below. Skerry's own key.",
        "x-part-of": "The service of the file whose instances have this one's container too. Its"
        " replicas, placement and life are that service's. Skerry's own key.",
        "x-secret-environment": "Variables that hold secrets, as `TOKEN: name` of a top-level"
        " secret. A file is safer: whoever may inspect containers on the box reads variables."
        " Skerry's own key.",
        "x-placement": "What placement knows beside `deploy.placement`; see below. Skerry's own"
        " key.",
    },
    refused={
        "annotations": "use `labels`",
        "attach": "no terminal is attached to a workload",
        "blkio_config": "",
        "build": _IMAGE_BUILD,
        "cgroup": _NODE,
        "cgroup_parent": _NODE,
        "container_name": _NAMES,
        "cpu_count": "use `cpus`",
        "cpu_percent": "use `cpus`",
        "cpu_period": "use `cpus`",
        "cpu_quota": "use `cpus`",
        "cpu_rt_period": "",
        "cpu_rt_runtime": "",
        "cpu_shares": "use `cpus`",
        "cpuset": "",
        "credential_spec": "",
        "develop": "remove it here; it is for the machine on which you build",
        "device_cgroup_rules": "use `devices`",
        "dns": _NODE,
        "dns_opt": _NODE,
        "dns_search": _NODE,
        "domainname": _NAMES,
        "driver_opts": "",
        "env_file": _FILES,
        "expose": "it opens nothing; remove it, and publish with `ports`",
        "extends": "use a YAML anchor and the merge key `<<`",
        "external_links": _NETWORKS,
        "extra_hosts": "",
        "group_add": "",
        "hostname": _NAMES,
        "isolation": "",
        "label_file": _FILES,
        "links": _NETWORKS,
        "mac_address": _NETWORKS,
        "mem_swappiness": "",
        "memswap_limit": "",
        "models": "",
        "networks": _NETWORKS,
        "oom_kill_disable": "",
        "oom_score_adj": "",
        "post_start": "",
        "pre_stop": "",
        "profiles": "all services of a file are applied; use several files",
        "provider": "",
        "pull_refresh_after": "",
        "runtime": _NODE,
        "security_opt": _NODE,
        "shm_size": "",
        "stdin_open": "no terminal is attached to a workload",
        "storage_opt": "",
        "sysctls": "",
        "tty": "no terminal is attached to a workload",
        "ulimits": _NODE,
        "use_api_socket": "",
        "userns_mode": _NODE,
        "uts": _NODE,
        "volumes_from": "name the same volume in both services",
    },
)

PORT = Keys(
    "a port",
    supported={
        "target": "Required. The container's port.",
        "published": "Required. The node's port.",
        "host_ip": "The node's address to listen on; every one where not given.",
        "protocol": "`tcp` (default) or `udp`.",
        "mode": "`host`.",
    },
    refused={
        "app_protocol": "it changes nothing; remove it",
        "name": "it changes nothing; remove it",
    },
)

MOUNT = Keys(
    "a volume of a service",
    supported={
        "type": "Required. `volume`, `bind` or `tmpfs`.",
        "source": "The volume's name, or the box's folder.",
        "target": "Required. The folder in the container.",
        "read_only": "Mount it read-only.",
        "bind": "Only `create_host_path: false`, which is always so.",
    },
    refused={
        "consistency": "it changes nothing on Linux; remove it",
        "image": "",
        "tmpfs": "size and mode are the runtime's own",
        "volume": "",
    },
)

BIND = Keys(
    "a bind",
    supported={"create_host_path": "`false`: the folder must be there."},
    refused={"propagation": "", "recursive": "", "selinux": _NODE},
)

DEVICE = Keys(
    "a device",
    supported={
        "source": "Required. The device node of the box.",
        "target": "Where the container finds it; the same path where not given.",
        "permissions": "Of `rwm`: read, write, make nodes. All where not given.",
    },
)

VOLUME = Keys(
    "a named volume",
    supported={
        "name": "The volume's name on the node. Without it, `<project>_<key>`.",
        "driver": "`local`.",
    },
    refused={
        "driver_opts": "",
        "external": "a node makes a volume that it lacks; use `name`",
        "labels": "",
    },
)

HEALTH = Keys(
    "a health check",
    supported={
        "test": "A text, run by the container's shell, or a list that starts with `CMD`,"
        " `CMD-SHELL` or `NONE`.",
        "interval": "Time between two checks, as `30s` (default). At rest the executor"
        " does its own, such as `x-http` and `x-tcp`, no oftener than every 30 s.",
        "timeout": "Time that one check may take, as `30s` (default).",
        "retries": "How many failures in a row make it unhealthy; 3 where not given.",
        "start_period": "Time in which failures do not count, as `0s` (default).",
        "disable": "`true`: also without the image's own check.",
        "x-http": "Instead of `test`: an HTTP request of the node to the container; see below."
        " Skerry's own key.",
        "x-tcp": "Instead of `test`: a connection of the node to the container; see below."
        " Skerry's own key.",
    },
    refused={"start_interval": "use `start_period` and `interval`"},
)

DEPLOY = Keys(
    "deploy",
    supported={
        "mode": "`replicated` (default), or `global`: one on every node that fits."
        " `replicated-job`, `global-job`: the same for what runs to completion.",
        "replicas": "How many; 1 where not given.",
        "labels": "Labels of the workload for `-l`, beside the service's. A change replaces"
        " nothing.",
        "resources": "`limits` and `reservations`.",
        "placement": "`constraints`, `preferences` and `max_replicas_per_node`.",
        "update_config": "How a new revision comes to the instances; see below.",
        "x-placement": "As the service's own `x-placement`, beside it.",
    },
    refused={
        "endpoint_mode": "there is no load balancing between nodes",
        "restart_policy": "use `restart` of the service",
        "rollback_config": _ROLLBACK,
    },
)

RESOURCES = Keys(
    "resources",
    supported={
        "limits": "What a container may use at most.",
        "reservations": "What the node must have free, and holds for the instance.",
    },
)

LIMITS = Keys(
    "limits",
    supported={
        "cpus": "Processors, as `0.5`.",
        "memory": "As `512M`; units are binary.",
        "pids": "Processes and threads at once, as `100`; not on a kubelet.",
    },
)

RESERVATIONS = Keys(
    "reservations",
    supported={
        "cpus": "Processors, as `0.5`.",
        "memory": "As `512M`; units are binary.",
        "devices": "Devices, each whole and for this instance alone; for shares and constraints,"
        " `x-placement.devices`.",
        "x-storage": "Room on the node's disk, as `10G`. Skerry's own key.",
    },
    refused={"generic_resources": "use `devices`, or a label of the node and a constraint"},
)

RESERVED_DEVICE = Keys(
    "a device reservation",
    supported={
        "capabilities": "Required. One kind: `gpu`, `npu`, `camera`, `serial`, `usb`, `pci`, ...:"
        " those that `skerry get devices` shows.",
        "count": "How many. Required, unless `device_ids` are given.",
        "device_ids": "Instead of a count: the addresses or names of the devices, as"
        " `0000:01:00.0` or `ttyUSB0`.",
        "driver": "The vendor, as `nvidia`.",
    },
    refused={
        "options": "they are for one machine's driver; a share, and constraints over the device,"
        " are asked for in `x-placement.devices`",
    },
)

PLACEMENT = Keys(
    "placement",
    supported={
        "constraints": "`node.labels.site == quay-3` or `!=`. Keys: `node.id`, `node.hostname`,"
        " `node.platform.arch`, `node.platform.os`, `node.labels.<label>`. All must hold.",
        "max_replicas_per_node": "At most so many on one node, as `x-placement.maxPer.node`.",
        "preferences": "A list of `spread: node.labels.site`, each a wish, as `x-placement.spread`"
        " with `whenUnsatisfiable: ScheduleAnyway`.",
    },
)

PREFERENCE = Keys(
    "a preference",
    supported={"spread": "Required. `node.labels.<label>`: over the values of this label."},
)
