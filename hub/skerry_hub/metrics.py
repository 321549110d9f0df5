"""What Prometheus is told of the hub itself."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

REGISTRY = CollectorRegistry()

MESSAGES = Counter(
    "skerry_messages_total",
    "Messages of nodes, by topic and what became of them: taken, stale, malformed, ...",
    ["topic", "result"],
    registry=REGISTRY,
)
COMMITS = Counter("skerry_commits_total", "Transactions of the store.", registry=REGISTRY)
COMMIT_FAILURES = Counter(
    "skerry_commit_failures_total", "Transactions that the store refused.", registry=REGISTRY
)
COMMIT_SECONDS = Histogram(
    "skerry_commit_seconds",
    "How long a transaction takes.",
    buckets=(0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1, 3),
    registry=REGISTRY,
)
DECISIONS = Counter(
    "skerry_decisions_total", "Decisions of placement that were kept.", ["cause"], registry=REGISTRY
)
ORDERS = Counter("skerry_orders_issued_total", "Orders signed.", registry=REGISTRY)
OUTBOX = Gauge(
    "skerry_outbox_messages",
    "Publications that the broker has not acknowledged.",
    registry=REGISTRY,
)
NODES = Gauge("skerry_nodes", "Nodes by liveness.", ["liveness"], registry=REGISTRY)
LOSSES_HELD = Gauge(
    "skerry_losses_held",
    "Nodes that fell silent together, with most of the fleet or all of a site: nothing is moved.",
    registry=REGISTRY,
)
HELD = Gauge("skerry_nodes_diverged", "Nodes that are held.", registry=REGISTRY)
WORKLOADS = Gauge("skerry_workloads", "Workloads.", registry=REGISTRY)
INSTANCES = Gauge("skerry_instances", "Instances that have a node.", registry=REGISTRY)
CONNECTED = Gauge(
    "skerry_broker_connected", "Whether the hub has its broker: 1 or 0.", registry=REGISTRY
)
PART_OK = Gauge(
    "skerry_part_ok",
    "Whether a part of the hub works, 1 or 0: writer, store, broker (0: it hears no box).",
    ["part"],
    registry=REGISTRY,
)
PART_SINCE = Gauge(
    "skerry_part_since_seconds",
    "Since when that is so, in seconds since 1970.",
    ["part"],
    registry=REGISTRY,
)
UNAUTHORIZED = Counter(
    "skerry_api_unauthorized_total",
    "Requests to the API that showed no valid token.",
    registry=REGISTRY,
)
REQUESTS = Counter(
    "skerry_requests_total",
    "Requests about instances, by verb and what became of them: answered, failed, refused, ...",
    ["verb", "result"],
    registry=REGISTRY,
)
ROUND_TRIPS = Counter(
    "skerry_round_trips_total",
    "Round-trip times that nodes told: taken, refused (no possible time), not_asked.",
    ["result"],
    registry=REGISTRY,
)
LOCATED = Gauge(
    "skerry_round_trip_places",
    "Nodes and endpoints of which some round-trip time is known.",
    registry=REGISTRY,
)
REFINE_SECONDS = Histogram(
    "skerry_round_trip_refine_seconds",
    "How long it takes to fit all network coordinates again.",
    buckets=(0.1, 0.3, 1, 3, 10, 30, 100, 300),
    registry=REGISTRY,
)
ROLLOUTS = Gauge(
    "skerry_rollouts",
    "Rollouts by their state: progressing, paused, done.",
    ["state"],
    registry=REGISTRY,
)
ROLLOUT_INSTANCES = Gauge(
    "skerry_rollout_instances",
    "Instances that rollouts are not done with: waiting, updating, failed.",
    ["state"],
    registry=REGISTRY,
)
ROLLOUT_EVENTS = Counter(
    "skerry_rollout_events_total",
    "What came of updates: updated, update_failed, update_held, rollout_done, rollout_paused, ...",
    ["kind"],
    registry=REGISTRY,
)
ROLLOUT_STEP_SECONDS = Histogram(
    "skerry_rollout_step_seconds",
    "How long a step of one rollout takes the hub, without its transaction.",
    buckets=(0.0003, 0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1),
    registry=REGISTRY,
)
JOINING = Counter(
    "skerry_joining_total",
    "Requests of boxes to join and to renew, by route and status of HTTP.",
    ["route", "status"],
    registry=REGISTRY,
)
CERTIFICATE_UNTIL = Gauge(
    "skerry_certificate_expires_seconds",
    "Until when the hub's own certificates hold, in seconds since 1970; renewed long before that.",
    ["file"],
    registry=REGISTRY,
)
for _result in ("taken", "malformed"):
    MESSAGES.labels("presence", _result)
