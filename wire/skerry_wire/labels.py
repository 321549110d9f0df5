"""What a label may be that people give a node: one rule for agent and hub. Pure.

Syntax and limits are Kubernetes'. It is about what is given anew: a label that is there already
can always be taken away, whatever it is.
"""

from __future__ import annotations

import re

MOST_KEY = 253
MOST_NAME = 63
DERIVED = frozenset({"feature.node.kubernetes.io", "kubernetes.io", "k8s.io"})
"""Prefixes under which the agent itself, or Kubernetes, says what a node is: tools trust them.

Those below them that people do set (`topology.kubernetes.io`, `node-role.kubernetes.io`) are not.
"""

_NAME = re.compile(r"[A-Za-z0-9](?:[-A-Za-z0-9_.]*[A-Za-z0-9])?")
_DOMAIN = re.compile(r"[a-z0-9](?:[-a-z0-9]*[a-z0-9])?(?:\.[a-z0-9](?:[-a-z0-9]*[a-z0-9])?)*")


def wrong(key: str, value: str) -> str | None:
    """Return what keeps people from giving this label; None when nothing does."""
    return wrong_key(key) or derived(key) or wrong_value(key, value)


def wrong_key(key: str) -> str | None:
    """Return why a key is none, as Kubernetes has them; None when it is one."""
    domain, slash, name = key.rpartition("/")
    if len(key) > MOST_KEY:
        return f"the key {key[:40]!r}... is longer than {MOST_KEY} characters"
    if slash and _DOMAIN.fullmatch(domain) is None:
        return f"the prefix of {key!r} must be a DNS name in lower case, such as example.com"
    if len(name) > MOST_NAME or _NAME.fullmatch(name) is None:
        return (
            f"the key {key!r} must be [PREFIX/]NAME, NAME 1 to {MOST_NAME} of A-Z, a-z, 0-9, "
            "-, _ and ., a letter or digit at either end"
        )
    return None


def derived(key: str) -> str | None:
    """Return why a key is not people's to give: the box says it itself. None when it is."""
    domain = key.rpartition("/")[0]
    if domain not in DERIVED:
        return None
    return (
        f"{key[:MOST_KEY]!r}: what stands under {domain}/ is worked out from the box itself; "
        "choose another prefix"
    )


def wrong_value(key: str, value: str) -> str | None:
    """Return why a value is none, as Kubernetes has them; None when it is one."""
    if len(value) <= MOST_NAME and (not value or _NAME.fullmatch(value) is not None):
        return None
    return (
        f"the value of {key!r} must be at most {MOST_NAME} of A-Z, a-z, 0-9, -, _ and ., "
        "a letter or digit at either end, or nothing"
    )
