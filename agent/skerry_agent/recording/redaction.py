"""Takes out of a recording what tells one box, network or person from another.

Serial numbers, MAC and IP addresses, UUIDs, the host's name and users' names become placeholders of
the same form; equal values become equal placeholders, so that links and lists still agree. What is
known of this box is found in whatever spelling, all else by its form. Pure.
"""

from __future__ import annotations

import collections
import gzip
import ipaddress
import re
import zlib
from collections.abc import Collection
from typing import Literal

from skerry_agent.recording.identities import NAME_FILES, Identities, is_mac

RECORDED_NAME = "recorded"
"""What a recorded box is called."""

KindOfSecret = Literal[
    "MAC address", "IP address", "serial number", "UUID", "host name", "user name"
]

_WHOLE = re.compile(
    r"(?<!/tty/driver)/(?:[a-z]*_?serial(?:[_-]number)?|serial_no|product_uuid|\w+_asset_tag|wwid|cid|nguid|eui"
    r"|machine-id|boot_id|unique_id|phys_port_id|phys_switch_id)\Z"
)
"""Files that hold nothing but an identity, whatever it looks like."""

_COMMAND_LINE = re.compile(r"/proc/(?:[^/]+/)?cmdline\Z")
_OF_UDEV = "/run/udev/data/"
_KEPT_OF_UDEV = "E:ID_V4L_CAPABILITIES="
"""Of all that udev knows of a device, serial numbers too, what a probe reads there."""

_MOUNTS = re.compile(r"/(?:mounts|mountinfo|fstab)\Z")
_FIRMWARE_VARIABLE = re.compile(r"/sys/firmware/efi/\S*")
"""Their names end in a UUID that is the same on every box."""

_NAMES_THE_HOST = re.compile(
    r"/(?:etc|run|var|opt)/(?!\S*-release\Z|lib/dpkg/)|/(?:mounts|mountinfo|swaps|dm/name)\Z"
    r"|/dev/(?:mapper|disk)/"
)
"""Files in which the host's name means the host; elsewhere `debian` or `raspberrypi` does not."""

_BY_FORM = (
    r"(?P<mac>(?<![0-9A-Za-z:])[0-9A-Fa-f]{2}(?:[:-][0-9A-Fa-f]{2}){5,19}(?![0-9A-Za-z:]))"
    r"|(?P<enx>(?<=\benx)[0-9a-f]{12}(?![0-9A-Za-z]))"
    r"|(?P<uuid>(?<![0-9A-Za-z])[0-9A-Fa-f]{8}(?:-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}(?![0-9A-Za-z]))"
    r"|(?P<wwn>(?<=\b(?:naa|eui)\.)[0-9A-Fa-f]{16,32}|(?<=\bwwn-0x)[0-9A-Fa-f]{16,32})"
    r"|(?P<ip6>(?<![\w:.])(?=[0-9A-Fa-f]{0,4}:[0-9A-Fa-f]{0,4}:)[0-9A-Fa-f:]{3,45}"
    r"(?:\.\d{1,3}){0,3}(?![\w:]))"
    r"|(?P<ip4>(?<![\d.])(?<!\d-)\d{1,3}(?:\.\d{1,3}){3}(?!\.?\d))"
    r"|(?P<user>(?<=/home/)[^/\s,:;\"']+|(?<=/media/)[^/\s,:;\"']+(?=/))"
)
_NETWORK_MOUNT = re.compile(
    r"nfs4?|cifs|smb3?|smbfs|ceph|glusterfs|fuse\.\S+|9p|afs|davfs|lustre|sshfs"
)
_OF_PROGRAMS = frozenset({"tmpfs", "ramfs", "overlay", "nsfs", "autofs", "fuse"})
_OF_THE_SYSTEM = ("/dev", "/proc", "/run", "/sys")
_GZIP = b"\x1f\x8b\x08"
_MOST_PLAIN_BYTES = 8 * 1024 * 1024
_ANYWHERE = 8
"""A serial number of this length is looked for inside longer words too."""


class Redaction:
    """Replaces, and counts the different values that it has replaced."""

    def __init__(self, known: Identities) -> None:
        """`known` is what this box is known by."""
        self._numbers: dict[KindOfSecret, dict[str, int]] = collections.defaultdict(dict)
        self._replaced_values: dict[KindOfSecret, set[str]] = collections.defaultdict(set)
        self._macs: dict[str, tuple[str, str]] = {}
        self._raw_macs: dict[str, tuple[str, str]] = {}
        self._serials = tuple(_as_latin(serial).lower() for serial in known.serials)
        self._hostname = _as_latin(known.hostname or "").lower()
        for mac in known.macs:
            self._know_mac(mac.split(":"))
        self._pattern = self._compile(with_hostname=False)
        self._pattern_with_hostname = self._compile(with_hostname=True)

    @property
    def counts(self) -> dict[str, int]:
        """Return how many different values of each kind were replaced."""
        return {kind: len(values) for kind, values in sorted(self._replaced_values.items())}

    def content(self, path: str, data: bytes) -> bytes:
        """Return what a file may hold in a recording. `path` is the original one."""
        if _COMMAND_LINE.search(path):
            return b"recorded\n"
        if data.startswith(_GZIP):
            return self._compressed(path, data)
        text = data.decode("latin-1")
        if path.startswith(_OF_UDEV):
            lines = text.splitlines(keepends=True)
            return "".join(x for x in lines if x.startswith(_KEPT_OF_UDEV)).encode("latin-1")
        if path in NAME_FILES:
            self._number("host name", self._hostname)
            return RECORDED_NAME.encode("ascii") + b"\n"
        if _WHOLE.search(path):
            return self._masked(text).encode("latin-1")
        if _MOUNTS.search(path):
            text = "".join(map(_shareable, text.splitlines(keepends=True)))
        for raw, (placeholder, value) in self._raw_macs.items():
            if raw in text:
                self._number("MAC address", value)
                text = text.replace(raw, placeholder)
        return self._replaced(path, text).encode("latin-1")

    def _compressed(self, path: str, data: bytes) -> bytes:
        """Return a compressed file (the kernel's settings are one) with its content redacted."""
        way = zlib.decompressobj(zlib.MAX_WBITS | 16)
        try:
            plain = way.decompress(data, _MOST_PLAIN_BYTES)
        except zlib.error:
            return b""
        # What cannot be seen in whole cannot be shown to hold nothing.
        if not way.eof or plain.startswith(_GZIP):
            return b""
        return gzip.compress(self.content(path, plain), mtime=0)

    def path(self, path: str) -> str:
        """Return what a path, or the target of a link, is in a recording."""
        names_host = path.startswith(("/dev/mapper/", "/dev/disk/"))
        return _from_latin(self._replaced(path if names_host else "", _as_latin(path)))

    def text(self, text: str, *, names_host: bool = False) -> str:
        """Return what any other text is in a recording; `names_host` when the name means it."""
        return _from_latin(self._replaced("/etc/" if names_host else "", _as_latin(text)))

    def _replaced(self, path: str, text: str) -> str:
        names_host = self._hostname and _NAMES_THE_HOST.search(path)
        pattern = self._pattern_with_hostname if names_host else self._pattern
        kept = [match.span() for match in _FIRMWARE_VARIABLE.finditer(text)]

        def replace(match: re.Match[str]) -> str:
            if any(start <= match.start() < end for start, end in kept):
                return match[0]
            return self._placeholder(match)

        return pattern.sub(replace, text)

    def _compile(self, *, with_hostname: bool) -> re.Pattern[str]:
        long = [text for text in self._serials if len(text) >= _ANYWHERE]
        short = [text for text in self._serials if len(text) < _ANYWHERE]
        # LVM doubles the marks of a name.
        hosts = {self._hostname, self._hostname.replace("-", "--")} if with_hostname else {""}
        words = (
            ("known_mac", _any_of(self._macs)),
            ("serial", _any_of(long)),
            ("short_serial", _alone(_any_of(short))),
            ("host", _alone(_any_of(hosts - {""}))),
        )
        parts = [f"(?P<{name}>{pattern})" for name, pattern in words if pattern]
        return re.compile("|".join((*parts, _BY_FORM)), re.IGNORECASE)

    def _placeholder(self, match: re.Match[str]) -> str:
        found, kind = match[0], match.lastgroup
        if kind == "known_mac":
            placeholder, value = self._macs[found.lower()]
            self._number("MAC address", value)
            return placeholder.upper() if found.isupper() else placeholder
        if kind in ("serial", "short_serial", "wwn"):
            return self._masked(found)
        if kind in ("mac", "enx"):
            return self._mac_by_form(found)
        if kind in ("ip4", "ip6"):
            return self._ip(found)
        if kind == "host":
            self._number("host name", self._hostname)
            return RECORDED_NAME
        if kind == "user":
            return f"user{self._number('user name', found)}"
        return f"00000000-0000-4000-8000-{self._number('UUID', found.lower()):012x}"

    def _mac_by_form(self, found: str) -> str:
        octets = re.findall("..", re.sub("[:-]", "", found.lower()))
        if not is_mac(":".join(octets)):
            return found
        number = self._number("MAC address", "".join(octets))
        return (found[2] if found[2] in ":-" else "").join(_mac_placeholder(number, len(octets)))

    def _ip(self, found: str) -> str:
        try:
            address = ipaddress.ip_address(found)
        except ValueError:
            return found
        if address.is_unspecified or address.is_loopback:
            return found
        number = self._number("IP address", address.exploded)
        if address.version == 6:
            return f"2001:db8::{number:x}"
        # The two networks that are meant for examples.
        return f"192.0.2.{number}" if number < 255 else f"198.18.{number >> 8 & 255}.{number & 255}"

    def _masked(self, text: str) -> str:
        """Return zeros for digits and X for letters, its last places a number of its own."""
        number = str(self._number("serial number", text.strip("\0 \t\r\n").lower()))
        masked = [_mask(c) for c in text]
        places = [place for place, c in enumerate(text) if c.isalnum()]
        for place, digit in zip(reversed(places), reversed(number), strict=False):
            masked[place] = digit
        return "".join(masked)

    def _number(self, kind: KindOfSecret, value: str) -> int:
        """Return the number by which a value goes in this recording; it was replaced."""
        self._replaced_values[kind].add(value)
        return self._number_of(kind, value)

    def _number_of(self, kind: KindOfSecret, value: str) -> int:
        numbers = self._numbers[kind]
        return numbers.setdefault(value, len(numbers) + 1)

    def _know_mac(self, octets: list[str]) -> None:
        """Look for an address in every spelling: with or without marks, from either end."""
        value = "".join(octets)
        placeholder = _mac_placeholder(self._number_of("MAC address", value), len(octets))
        for there, here in ((octets, placeholder), (octets[::-1], placeholder[::-1])):
            for mark in (":", "-", "_", " ", ""):
                self._macs[mark.join(there)] = mark.join(here), value
            self._macs[_dotted(there)] = _dotted(here), value
            self._raw_macs[_raw(there)] = _raw(here), value


def _mask(c: str) -> str:
    if c.isdigit():
        return "0"
    return c if not c.isalpha() else "x" if c.islower() else "X"


def _any_of(words: Collection[str]) -> str:
    """Return a pattern that finds the longest of the words in one go; nothing for no words."""
    followers: dict[str, list[str]] = {}
    for word in words:
        if word:
            followers.setdefault(word[0], []).append(word[1:])
    branches = [re.escape(first) + _any_of(rest) for first, rest in sorted(followers.items())]
    if not branches:
        return ""
    return f"(?:{'|'.join(branches)}){'?' if '' in words else ''}"


def _alone(pattern: str) -> str:
    return pattern and f"(?<![0-9a-z]){pattern}(?![0-9a-z])"


def _mac_placeholder(number: int, octets: int) -> list[str]:
    return re.findall("..", f"02{number:0{octets * 2 - 2}x}")


def _dotted(octets: list[str]) -> str:
    return ".".join(re.findall("....", "".join(octets)))


def _raw(octets: list[str]) -> str:
    return bytes.fromhex("".join(octets)).decode("latin-1")


def _shareable(line: str) -> str:
    """Return a line of a list of mounts without the server's and the share's name.

    Nothing remains of what programs have mounted for themselves: no disk is behind it.
    """
    fields = line.split(" ")
    is_mountinfo = "-" in fields[6:]
    at = fields.index("-", 6) + 1 if is_mountinfo else 2
    if len(fields) <= at + 1:
        return line
    mount, type_ = fields[4 if is_mountinfo else 1], fields[at]
    if type_ in _OF_PROGRAMS and mount != "/" and not mount.startswith(_OF_THE_SYSTEM):
        return ""
    if not _NETWORK_MOUNT.fullmatch(type_):
        return line
    if is_mountinfo:  # ... - type source options
        return " ".join((*fields[: at + 1], "recorded", "rw\n"))
    return " ".join(("recorded", *fields[1 : at + 1], "rw", "0", "0\n"))


def _as_latin(text: str) -> str:
    return text.encode("utf-8", "surrogateescape").decode("latin-1")


def _from_latin(text: str) -> str:
    return text.encode("latin-1").decode("utf-8", "surrogateescape")
