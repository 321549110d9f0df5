"""The limited scalar types that several messages share."""

from __future__ import annotations

from typing import Annotated

from skerry_wire.schema import Key, Range, Text

LABEL = "[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?"
"""A DNS label in lower case: node ids, workload and container names."""

NodeId = Annotated[str, Text(63, LABEL)]
Name = Annotated[str, Text(63, LABEL)]
InstanceId = Annotated[str, Text(127, "[a-z0-9]([a-z0-9-]{0,125}[a-z0-9])?")]
Incarnation = Annotated[str, Text(32, "[0-9a-f]{16,32}"), Key("inc")]
Revision = Annotated[str, Text(64, "[0-9a-f]{8,64}")]
"""Digest of a content, in hexadecimal. It tells contents apart; it proves nothing."""

Hex = Annotated[str, Text(8, "[0-9a-f]{1,8}")]
"""A number of a vendor, device or class, as the kernel and pci.ids write it."""

Short = Annotated[str, Text(128)]
Line = Annotated[str, Text(1024)]
Count = Annotated[int, Range(0, 2**32 - 1)]
ByteCount = Annotated[int, Range(0, 2**63 - 1)]
Generation = Annotated[int, Range(0, 2**53 - 1)]
Moment = Annotated[float, Range(0, 2**40)]
"""Seconds since 1970, by the sender's own clock, which may be wrong."""

Seconds = Annotated[float, Range(0, 2**32)]
