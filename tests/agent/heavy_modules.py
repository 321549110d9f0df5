"""What an agent does without while it idles."""

import sys

HEAVY = {
    "asyncio",
    "concurrent.futures",
    "cryptography",
    "email",
    "html",
    "http.client",
    "importlib.metadata",
    "logging.config",
    "multiprocessing",
    "nacl",
    "pydoc",
    "skerry_agent.asking",
    "skerry_agent.check",
    "skerry_agent.joining.client",
    "skerry_agent.joining.course",
    "skerry_agent.joining.keys",
    "skerry_agent.joining.renewing",
    "skerry_agent.joining_check",
    "skerry_agent.key_client",
    "skerry_agent.label_command",
    "skerry_agent.lease_client",
    "skerry_agent.present",
    "skerry_agent.recording",
    "skerry_wire.asyncapi",
    "skerry_wire.jsonschema",
    "sqlite3",
    "tarfile",
    "tenacity",
    "tomllib",
    "unittest",
    "xml",
}
"""What it must not load, without a settings' file, requests and leases: it would stay for ever."""

if sys.version_info < (3, 13):
    HEAVY |= {"ast", "dis"}  # which inspect imports
