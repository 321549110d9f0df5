"""The tables of the store. A change here needs a migration in `migrations/versions`."""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Column,
    Float,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
    text,
)

metadata = MetaData()

Serial = BigInteger().with_variant(Integer, "sqlite")

hub = Table(
    "hub",
    metadata,
    Column("key", String(64), primary_key=True),
    Column("value", Text, nullable=False),
)

nodes = Table(
    "nodes",
    metadata,
    Column("id", String(63), primary_key=True),
    # The record without the three below, which are large or change at other times.
    Column("record", LargeBinary, nullable=False),
    Column("presence", LargeBinary),
    Column("capability", LargeBinary),
    Column("report", LargeBinary),
)

workloads = Table(
    "workloads",
    metadata,
    Column("name", String(63), primary_key=True),
    Column("content", LargeBinary, nullable=False),
    Column("created_at", Float, nullable=False),
    Column("updated_at", Float, nullable=False),
)

assignments = Table(
    "assignments",
    metadata,
    Column("id", String(127), primary_key=True),
    Column("workload", String(63), nullable=False),
    Column("node", String(63), nullable=False),
    Column("content", LargeBinary, nullable=False),
)

orders = Table(
    "orders",
    metadata,
    Column("node", String(63), primary_key=True),
    Column("content", LargeBinary, nullable=False),
)

# Instances that may still run by a lease where they are not wanted any more.
vacating = Table(
    "vacating",
    metadata,
    Column("instance", String(127), primary_key=True),
    Column("content", LargeBinary, nullable=False),
)

# The history of each workload: what it was at each revision, as a whole.
revisions = Table(
    "revisions",
    metadata,
    Column("workload", String(63), primary_key=True),
    Column("number", BigInteger, primary_key=True, autoincrement=False),
    Column("at", Float, nullable=False),
    Column("cause", String(16), nullable=False),
    Column("who", String(253), nullable=False),
    Column("back_to", BigInteger, nullable=False),
    Column("content", LargeBinary, nullable=False),
)

rollouts = Table(
    "rollouts",
    metadata,
    Column("workload", String(63), primary_key=True),
    Column("content", LargeBinary, nullable=False),
)

# The instances that a rollout has not brought to the newest revision, or has, while it goes on.
# `number` is the revision in the history that one has for now, 0 for the newest.
rollout_instances = Table(
    "rollout_instances",
    metadata,
    Column("id", String(127), primary_key=True),
    Column("workload", String(63), nullable=False),
    Column("number", BigInteger, nullable=False),
    Column("content", LargeBinary, nullable=False),
    Index("rollout_instances_by_workload", "workload"),
)

documents = Table(
    "documents",
    metadata,
    Column("kind", String(32), primary_key=True),
    Column("name", String(63), primary_key=True),
    Column("version", BigInteger, nullable=False),
    Column("content", LargeBinary, nullable=False),
    Column("created_at", Float, nullable=False),
    Column("updated_at", Float, nullable=False),
)

# Contents of secrets are locked with a key that is not in the database.
secrets = Table(
    "secrets",
    metadata,
    Column("name", String(63), primary_key=True),
    Column("content", LargeBinary, nullable=False),
)

# What people beside the hub approved; an id is a workload's name, / and a content's digest.
approvals = Table(
    "approvals",
    metadata,
    Column("id", String(160), primary_key=True),
    Column("content", LargeBinary, nullable=False),
)

# Every version of every document that is or was. Nothing is ever taken away here.
document_history = Table(
    "document_history",
    metadata,
    Column("kind", String(32), primary_key=True),
    Column("name", String(63), primary_key=True),
    Column("version", BigInteger, primary_key=True, autoincrement=False),
    Column("action", String(8), nullable=False),
    Column("at", Float, nullable=False),
    Column("who", String(253), nullable=False),
    Column("content", LargeBinary, nullable=False),
)

# What placement decided. `log` is the transaction's number in the fleet's log.
decisions = Table(
    "decisions",
    metadata,
    Column("seq", Serial, primary_key=True, autoincrement=True),
    Column("log", BigInteger, nullable=False),
    Column("at", Float, nullable=False),
    Column("content", LargeBinary, nullable=False),
    sqlite_autoincrement=True,
)

# The workloads that a decision is about, and how many instances of each found no node: NULL where
# it was not asked for that.
decision_workloads = Table(
    "decision_workloads",
    metadata,
    Column("seq", BigInteger, primary_key=True, autoincrement=False),
    Column("workload", String(63), primary_key=True),
    Column("unplaced", Integer),
    Index("decisions_by_workload", "workload", "seq"),
)

# How the records that placement decides from were before each transaction that changed them.
fleet_log = Table(
    "fleet_log",
    metadata,
    Column("seq", Serial, primary_key=True, autoincrement=True),
    Column("size", Integer, nullable=False),
    Column("content", LargeBinary, nullable=False),
    sqlite_autoincrement=True,
)

# What the log and the decisions name by digest: hardware that nodes had, round-trip times. `log` is
# the newest transaction that does.
fleet_blobs = Table(
    "fleet_blobs",
    metadata,
    Column("digest", String(64), primary_key=True),
    Column("log", BigInteger, nullable=False),
    Column("size", Integer, nullable=False),
    Column("content", LargeBinary, nullable=False),
    Index("fleet_blobs_by_log", "log"),
)

events = Table(
    "events",
    metadata,
    Column("seq", Serial, primary_key=True, autoincrement=True),
    Column("id", String(64), nullable=False, unique=True),
    Column("node", String(63), nullable=False),
    Column("workload", String(63), nullable=False),
    Column("at", Float, nullable=False, server_default=text("0")),
    Column("content", LargeBinary, nullable=False),
    Index("events_by_time", "at", "seq"),
    Index("events_by_node", "node", "at", "seq"),
    Index("events_by_workload", "workload", "at", "seq"),
    sqlite_autoincrement=True,
)

outbox = Table(
    "outbox",
    metadata,
    Column("seq", Serial, primary_key=True, autoincrement=True),
    Column("topic", String(255), nullable=False),
    Column("payload", LargeBinary, nullable=False),
    Column("retain", Integer, nullable=False),
    Column("expiry_s", Integer),
    # A number must never come again: a late acknowledgement would take another row's publication.
    sqlite_autoincrement=True,
)

# --- who may connect, and who may ask -----------------------------------------------------

# The boxes that joined. `key_digest` is the SHA-256 of the public key (its SPKI, in hexadecimal).
enrollments = Table(
    "enrollments",
    metadata,
    Column("node", String(63), primary_key=True),
    Column("key_digest", String(64), nullable=False, unique=True),
    Column("joined_at", Float, nullable=False),
    Column("revoked_at", Float),
    # JSON: the labels of its token, what tells its machine from others, who let it in.
    Column("content", Text, nullable=False),
)

# Every certificate of a box that is not long expired. `serial` is in hexadecimal.
certificates = Table(
    "certificates",
    metadata,
    Column("serial", String(40), primary_key=True),
    Column("node", String(63), nullable=False),
    Column("key_digest", String(64), nullable=False),
    Column("issued_at", Float, nullable=False),
    Column("expires_at", Float, nullable=False),
    Column("revoked_at", Float),
    Column("join_token", String(16)),
    Column("certificate", Text, nullable=False),
    Index("certificates_by_node", "node", "issued_at"),
    Index("certificates_by_key", "key_digest", "issued_at"),
)

# With which boxes join. `digest` is the SHA-256 of the whole token, in hexadecimal.
join_tokens = Table(
    "join_tokens",
    metadata,
    Column("id", String(16), primary_key=True),
    Column("digest", String(64), nullable=False, unique=True),
    Column("created_at", Float, nullable=False),
    Column("expires_at", Float, nullable=False),
    Column("uses", Integer, nullable=False),
    Column("used", Integer, nullable=False),
    Column("node", String(63)),
    Column("revoked_at", Float),
    # JSON: labels, who made it.
    Column("content", Text, nullable=False),
)

# With which people and programs ask the API.
api_tokens = Table(
    "api_tokens",
    metadata,
    Column("id", String(16), primary_key=True),
    Column("digest", String(64), nullable=False, unique=True),
    Column("name", String(253), nullable=False),
    Column("role", String(16), nullable=False),
    Column("created_at", Float, nullable=False),
    Column("expires_at", Float),
    Column("revoked_at", Float),
    # JSON: scope, who made it.
    Column("content", Text, nullable=False),
)

# What was asked to be changed, by whom, and what came of it. Each row's hash covers the one before.
audit = Table(
    "audit",
    metadata,
    Column("seq", BigInteger, primary_key=True, autoincrement=False),
    Column("at", Float, nullable=False),
    Column("who", String(253), nullable=False),
    Column("action", String(253), nullable=False),
    Column("content", Text, nullable=False),
    Column("hash", String(64), nullable=False),
)
