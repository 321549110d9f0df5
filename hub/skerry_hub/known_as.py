"""How people are told a node. Pure."""


def known_as(hostname: str, node: str) -> str:
    """Return a node's name for people: `quay (box-1)`. Cloned boxes have the same hostname."""
    return node if node == hostname else f"{hostname} ({node})"
