"""Walks the device tree that a board's firmware gave to the kernel.

Reads only names, `compatible` and `status`, and passes over the large parts that describe wiring.
"""

from __future__ import annotations

import re

from skerry_agent.host import Host
from skerry_wire.frozen import frozen

ROOTS = ("/sys/firmware/devicetree/base", "/proc/device-tree")
MAX_DEPTH = 6
MAX_NODES = 4096
_ENABLED = frozenset({"okay", "ok", ""})
_WIRING = re.compile(
    r"__|aliases|chosen|cpus|memory|reserved-memory|pinctrl|opp-table|thermal|clock|regulator"
    r"|port|interrupt|timer|power-|qos|gpio|serial|i2c|spi|mmc|usb|phy|ethernet|sound|reset|leds"
    r"|keys|display|hdmi|dsi|csi|efuse|nvmem|watchdog|pwm|dma-controller|iommu|psci|opp|cache"
)
KEY = "device-tree"


@frozen()
class TreeNode:
    """One node; `is_enabled` is false when it or one above it is disabled."""

    path: str
    name: str
    compatibles: tuple[str, ...]
    is_enabled: bool


def device_tree(host: Host) -> tuple[TreeNode, ...]:
    """Return the nodes that have a compatible, the root first; none without a tree.

    The tree is the firmware's and does not change while the box runs: it is walked once.
    """
    known = host.remembered(KEY)
    if isinstance(known, tuple):
        return known
    base = base_of(host)
    nodes = tuple(_walk(host, base)) if base is not None else ()
    if host.is_live:
        host.remember(KEY, nodes)
    return nodes


def base_of(host: Host) -> str | None:
    """Return the folder of the tree's root, None without a tree."""
    return next((root for root in ROOTS if host.exists(f"{root}/compatible")), None)


def _walk(host: Host, base: str) -> list[TreeNode]:
    found: list[TreeNode] = []
    waiting = [("", 0, True)]
    looked_at = 0
    while waiting and looked_at < MAX_NODES:
        path, depth, above = waiting.pop()
        looked_at += 1
        name = path.rpartition("/")[2]
        compatible = host.text(f"{base}{path}/compatible") or ""
        enabled = above
        if compatible:
            enabled = above and (host.text(f"{base}{path}/status") or "") in _ENABLED
            compatibles = tuple(c for c in compatible.split("\0") if c.isprintable() and c)
            found.append(TreeNode(path or "/", name, compatibles[:16], enabled))
        if depth < MAX_DEPTH:
            below = [n for n in host.folders(f"{base}{path}") if not _WIRING.match(n)]
            waiting += [(f"{path}/{n}", depth + 1, enabled) for n in reversed(below)]
    return found
