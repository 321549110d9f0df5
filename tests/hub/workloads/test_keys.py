"""The table of keys: all that the specification has is in it, and all that is in it is read."""

import pytest
from tests.hub.workloads.samples import problems, refusals

from skerry_hub.workloads import keys, reference

# fmt: off
SPECIFIED = {
    "annotations", "attach", "blkio_config", "build", "cap_add", "cap_drop", "cgroup",
    "cgroup_parent", "command", "configs", "container_name", "cpu_count", "cpu_percent",
    "cpu_period", "cpu_quota", "cpu_rt_period", "cpu_rt_runtime", "cpu_shares", "cpus",
    "cpuset", "credential_spec", "depends_on", "deploy", "develop", "device_cgroup_rules",
    "devices", "dns", "dns_opt", "dns_search", "domainname", "entrypoint", "env_file",
    "environment", "expose", "extends", "external_links", "extra_hosts", "gpus", "group_add",
    "healthcheck", "hostname", "image", "init", "ipc", "isolation", "label_file", "labels",
    "links", "logging", "mac_address", "mem_limit", "mem_reservation", "mem_swappiness",
    "memswap_limit", "models", "network_mode", "networks", "oom_kill_disable", "oom_score_adj",
    "pid", "pids_limit", "platform", "ports", "post_start", "pre_stop", "privileged",
    "profiles", "provider", "pull_policy", "pull_refresh_after", "read_only", "restart",
    "runtime", "scale", "secrets", "security_opt", "shm_size", "stdin_open",
    "stop_grace_period", "stop_signal", "storage_opt", "sysctls", "tmpfs", "tty", "ulimits",
    "use_api_socket", "user", "userns_mode", "uts", "volumes", "volumes_from", "working_dir",
}
# fmt: on
"""The keys of a service, from the schema of the compose specification."""


def test_no_key_of_the_specification_is_unknown():
    known = {*keys.SERVICE.supported, *keys.SERVICE.refused}
    assert known >= SPECIFIED


@pytest.mark.parametrize("table", [table for _, table in reference.TABLES], ids=lambda t: t.title)
def test_no_key_is_both_supported_and_refused(table):
    assert not set(table.supported) & set(table.refused)
    assert all(meaning.endswith((".", "`")) for meaning in table.supported.values())


@pytest.mark.parametrize("key", sorted(keys.SERVICE.refused))
def test_a_refused_key_is_named_with_its_line(key):
    ((line, field, reason),) = refusals(f"user: me\n{key}: x")
    assert (line, field) == (5, key)
    assert reason.startswith("is not supported")
    assert keys.SERVICE.refused[key] in reason


@pytest.mark.parametrize("key", sorted(keys.FILE.refused))
def test_a_refused_key_of_the_file(key):
    ((line, field, reason),) = problems(f"services: {{web: {{image: x}}}}\n{key}: {{}}")
    assert (line, field) == (2, key)
    assert reason.startswith("is not supported")


@pytest.mark.parametrize(
    ("key", "guess"),
    [
        ("imge", "; did you mean image?"),
        ("enviroment", "; did you mean environment?"),
        ("depends-on", "; did you mean depends_on?"),
        ("qwertz", ""),
        ("Image", "; did you mean image?"),
        ("p" * 10_000, ""),
    ],
)
def test_an_unknown_key_is_refused_with_the_nearest_one(key, guess):
    ((_, _, reason),) = refusals(f"? {key}\n: x")
    assert reason == f"is not a key of a service{guess}"


@pytest.mark.parametrize("key", sorted(keys.SERVICE.supported))
def test_every_supported_key_is_read(key):
    """A mapping with an unknown key fits no key: whoever reads it refuses it."""
    wrong = refusals(f"{key}: {{nonsense: [[]]}}")
    assert wrong, f"{key} is documented, but nobody reads it"
    assert all(key in field for _, field, _ in wrong)
