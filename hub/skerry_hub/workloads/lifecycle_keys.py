"""Every key about the life of instances: what it means, or what to write instead.

The visible table, beside `keys`; the operators' reference is made of both.
"""

from __future__ import annotations

from skerry_hub.workloads.keys import Keys

X_LIFECYCLE = Keys(
    "x-lifecycle",
    supported={
        "stopAfter": "A box that hears nothing from the hub for so long stops the instance by"
        " itself, as `60s`; it runs on for ever where not given. Only then can the hub start it"
        " elsewhere, knowing that it never runs twice.",
        "lostAfter": "How long a node may be silent before the instance is replaced elsewhere;"
        " the hub's own setting where not given.",
        "onSiteLoss": "`hold` (default): where all nodes of a site fall silent together, nothing"
        " is replaced; `move`: it is.",
        "job": "What a job does beside `deploy.mode`; see below.",
        "update": "How a new revision comes to the instances, beside `deploy.update_config`.",
    },
    refused={"on_disconnect": "write `stopAfter`", "tolerance": "write `lostAfter`"},
)

X_JOB = Keys(
    "a job",
    supported={
        "retries": "How often it is begun again after it failed; 3 where not given.",
        "deadline": "The most that one run may take, its retries included, as `10m`.",
        "schedule": "Run it again and again: five fields as of cron, in UTC, as `*/15 * * * *`,"
        " or `@hourly`, `@daily`, `@weekly`, `@monthly`.",
    },
    refused={
        "activeDeadlineSeconds": "write `deadline`",
        "backoffLimit": "write `retries`",
    },
)

X_UPDATE = Keys(
    "an update",
    supported={
        "strategy": "`rolling` (default), `canary`, `blue-green` or `at-once`.",
        "maxUnavailable": "How many are changed at once, as `3` or `25%` (default).",
        "maxFailed": "How many may fail before the update stops; 0 where not given.",
        "onFailure": "`pause` (default), `rollback` or `continue`.",
        "canary": "How many are changed first, as `1` (default) or `5%`; for the strategy"
        " `canary`.",
        "canaryPauses": "`true`: after these, the update waits for `skerry rollout resume`.",
        "waveBy": "A label of nodes, as `site`: one of its values after another.",
        "settle": "How long an instance must run, and be healthy, before it counts, as `30s`.",
        "deadline": "How long it may take to get there, as `5m` (default); else its node goes"
        " back to what ran before.",
    },
)

UPDATE_CONFIG = Keys(
    "update_config",
    supported={
        "parallelism": "As `x-lifecycle.update.maxUnavailable`; 0: all at once.",
        "failure_action": "`pause` (default), `rollback` or `continue`.",
        "monitor": "As `x-lifecycle.update.settle`.",
        "order": "`stop-first`.",
    },
    refused={
        "delay": "use `monitor`: the next ones begin when the ones before have settled",
        "max_failure_ratio": "use `x-lifecycle.update.maxFailed`",
    },
)

LOGGING = Keys(
    "logging",
    supported={
        "driver": "`json-file`, `local` or `k8s-file`: whichever the node's runtime has for files"
        " of its own.",
        "options": "`max-size` and `max-file`.",
    },
)

LOG_OPTIONS = Keys(
    "logging options",
    supported={
        "max-size": "How large one file may become, as `10m` (default).",
        "max-file": "How many are kept; 1 where not given.",
    },
)

HTTP_PROBE = Keys(
    "an HTTP probe",
    supported={
        "port": "Required. The container's port.",
        "path": "As `/ready`; `/` where not given. An answer of 200 to 399 is healthy.",
        "scheme": "`http` (default) or `https`, whose certificate is not verified.",
    },
)

TCP_PROBE = Keys("a TCP probe", supported={"port": "Required. The container's port."})

DEPENDS = Keys(
    "a dependency",
    supported={
        "condition": "`service_started` (default), `service_healthy` or"
        " `service_completed_successfully`.",
        "required": "`true`.",
        "restart": "`false`.",
    },
)

LIFECYCLE_TABLES: tuple[tuple[str, Keys], ...] = (
    ("services.<name>.healthcheck.x-http", HTTP_PROBE),
    ("services.<name>.healthcheck.x-tcp", TCP_PROBE),
    ("services.<name>.depends_on.<service>", DEPENDS),
    ("services.<name>.logging", LOGGING),
    ("services.<name>.logging.options", LOG_OPTIONS),
    ("services.<name>.deploy.update_config", UPDATE_CONFIG),
    ("services.<name>.x-lifecycle", X_LIFECYCLE),
    ("services.<name>.x-lifecycle.job", X_JOB),
    ("services.<name>.x-lifecycle.update", X_UPDATE),
)
"""Where each kind of mapping stands in a file."""
