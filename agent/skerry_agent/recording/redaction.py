"""Takes out of a recording what tells one box, network or person from another.

Serial numbers, MAC and IP addresses, UUIDs, the names of the host, of users, of their disks and of
control groups become placeholders of the same form; equal values become equal placeholders, so that
links and lists still agree. What is known of this box is found in whatever spelling, all else by
its form. Which parts of a file are kept at all is the matter of `excerpts`. Pure.
"""

from __future__ import annotations

import collections
import gzip
import ipaddress
import re
import zlib
from collections.abc import Collection
from typing import Any, Literal

from skerry_agent.probes.cgroup import CONTAINER_SCOPES
from skerry_agent.recording.identities import NAME_FILES, Identities, is_mac

RECORDED_NAME = "recorded"
"""What a recorded box is called."""

KindOfSecret = Literal[
    "MAC address",
    "IP address",
    "serial number",
    "UUID",
    "host name",
    "user name",
    "volume label",
    "control group",
]

_WHOLE = re.compile(
    r"(?<!/tty/driver)/(?:[a-z]*_?serial(?:[_-]number)?|serial_no|product_uuid|\w+_asset_tag|wwid|cid|nguid|eui"
    r"|machine-id|boot_id|unique_id|phys_port_id|phys_switch_id)\Z"
)
"""Files that hold nothing but an identity, whatever it looks like."""

_GROUPS = re.compile(r"/proc/[^/]+/(?:cgroup|cpuset)\Z")
_GROUP = re.compile(
    rf"(?P<engine>{'|'.join(CONTAINER_SCOPES)})?.*?(?P<unit>\.(?:service|scope|slice))?\Z"
)
_NAMED_HIERARCHY = re.compile(r"name=(?!(?:systemd|elogind|openrc)\b)[^,:]*")
_NAMED_BY_MAKERS = re.compile(r"/(?:product|manufacturer|name|label|type|\w+_(?:label|name))\Z")
_OF_USB = re.compile(r"/(?:product|manufacturer)\Z")
_LIKE_A_SERIAL = re.compile(
    r"(?<!\S)(?:(?=(?:[A-Za-z]*[0-9]){5})[0-9A-Z]{12,}|[0-9a-f]{16,})(?!\S)"
)
"""A word in a USB device's name for itself that its probe, too, takes for a serial number."""

_FIRMWARE_VARIABLE = re.compile(r"/sys/firmware/efi/\S*")
"""Their names end in a UUID that is the same on every box."""

_NAMES_THE_HOST = re.compile(
    r"/(?:etc|run|var|opt)/(?!\S*-release\Z|lib/dpkg/)|/(?:mounts|dm/name)\Z"
    r"|/dev/(?:mapper|disk)/"
)
"""Files in which the host's name means the host; elsewhere `debian` or `raspberrypi` does not."""

_BY_FORM = (
    r"(?P<mac>(?<![0-9A-Za-z:])[0-9A-Fa-f]{2}(?:[:-][0-9A-Fa-f]{2}){5,19}(?![0-9A-Za-z:]))"
    r"|(?P<enx>(?<=\b(?:en|wl|ww|sl|ib)x)[0-9a-f]{12}(?![0-9A-Za-z]))"
    r"|(?P<bare>(?<![0-9A-Za-z])(?:(?=[0-9]*[A-Fa-f])|(?<=/[0-9a-f]{2}-))[0-9A-Fa-f]{12}"
    r"(?![0-9A-Za-z]))"
    r"|(?P<id>(?<![0-9A-Za-z])(?=[0-9]*[A-Fa-f])[0-9A-Fa-f]{32,}(?![0-9A-Za-z]))"
    r"|(?P<uuid>(?<![0-9A-Za-z])[0-9A-Fa-f]{8}(?:-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}(?![0-9A-Za-z]))"
    r"|(?P<wwn>(?<=\b(?:naa|eui)\.)[0-9A-Fa-f]{16,32}|(?<=\bwwn-0x)[0-9A-Fa-f]{16,32})"
    r"|(?P<ip6>(?<![\w:.])(?=[0-9A-Fa-f]{0,4}:[0-9A-Fa-f]{0,4}:)[0-9A-Fa-f:]{3,45}"
    r"(?:\.\d{1,3}){0,3}(?![\w:]))"
    r"|(?P<ip4>(?<![\d.])(?<!\d-)\d{1,3}(?:\.\d{1,3}){3}(?!\.?\d))"
    r"|(?P<user>(?<=/home/)WORD)"
    r"|(?P<label>(?:(?<=/by-label/)|(?<=/by-partlabel/))WORD)"
    r"|(?P<media>(?<=/media/)WORD(?:/WORD)?)"
)
_WORD_OF_TEXT, _WORD_OF_PATH = r"[^/\s,:;\"']+", r"[^/]+"
_PLACE_OF_ALL = re.compile(r"(?:cdrom|dvd|floppy|usb|usb-?disk|sd|card|disk|root)[-_]?[0-9]*", re.I)
"""Names below /media that say what is there, not whose it is."""

_ADDRESS_WORD = re.compile(
    r"(?<![0-9A-Za-z])(?:[0-9a-f]{12}|[0-9a-f]{4}(?:\.[0-9a-f]{4}){2})(?![0-9A-Za-z])", re.I
)
"""In a name, twelve digits are an address even where all are decimal, or with dots between."""

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
        self._groups = frozenset(map(_as_latin, known.groups))
        self._group_folders = tuple(map(_as_latin, known.group_folders))
        self._patterns = {
            (with_hostname, word): self._compile(word, with_hostname=with_hostname)
            for with_hostname in (False, True)
            for word in (_WORD_OF_TEXT, _WORD_OF_PATH)
        }

    @property
    def counts(self) -> dict[str, int]:
        """Return how many different values of each kind were replaced."""
        return {kind: len(values) for kind, values in sorted(self._replaced_values.items())}

    def content(self, path: str, data: bytes) -> bytes:
        """Return what a file may hold in a recording. `path` is the original one."""
        if data.startswith(_GZIP):
            return self._compressed(path, data)
        text = data.decode("latin-1")
        if _GROUPS.match(path):
            rows = text.splitlines(keepends=True)
            return "".join(map(self._group_row, rows)).encode("latin-1")
        if path in NAME_FILES:
            self._number("host name", self._hostname)
            return RECORDED_NAME.encode("ascii") + b"\n"
        if _WHOLE.search(path):
            return self._masked(text).encode("latin-1")
        if _OF_USB.search(path):
            text = _LIKE_A_SERIAL.sub(lambda match: self._masked(match[0]), text)
        if _NAMED_BY_MAKERS.search(path):
            text = _ADDRESS_WORD.sub(lambda match: self._mac_by_form(match[0]), text)
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
        text = self._group_path(_as_latin(path))
        return _from_latin(self._replaced("/etc/" if names_host else "", text, _WORD_OF_PATH))

    def text(self, text: str, *, names_host: bool = False) -> str:
        """Return what any other text is in a recording; `names_host` when the name means it."""
        place = "/etc/" if names_host else ""
        return _from_latin(self._replaced(place, _as_latin(text), _WORD_OF_PATH))

    def values(self, plain: Any, *, names_host: bool = False) -> Any:
        """Return values as JSON has them, with each text in them replaced."""
        if isinstance(plain, str):
            return self.text(plain, names_host=names_host)
        if isinstance(plain, list):
            return [self.values(one, names_host=names_host) for one in plain]
        if isinstance(plain, dict):
            return {
                self.text(key): self.values(one, names_host=names_host)
                for key, one in plain.items()
            }
        return plain

    def _group_row(self, row: str) -> str:
        """Return a row of /proc/self/cgroup, or the whole of /proc/self/cpuset."""
        head, slash, place = row.partition("/")
        head = _NAMED_HIERARCHY.sub("name=other", head)
        return head + slash + self._group_steps(place.rstrip("\n")) + "\n"

    def _group_path(self, path: str) -> str:
        above = [folder for folder in self._group_folders if path.startswith(f"{folder}/")]
        if not above or path in self._group_folders:
            return path
        folder = max(above, key=len)
        return f"{folder}/{self._group_steps(path[len(folder) + 1 :])}"

    def _group_steps(self, place: str) -> str:
        return "/".join(map(self._group, place.split("/")))

    def _group(self, name: str) -> str:
        """Return a name that says as much about what the group is for, and not which one it is."""
        match = _GROUP.match(name)
        if name not in self._groups or match is None:
            return name
        number = self._number("control group", name)
        return f"{match['engine'] or ''}group{number}{match['unit'] or ''}"

    def _replaced(self, path: str, text: str, word: str = _WORD_OF_TEXT) -> str:
        names_host = bool(self._hostname and _NAMES_THE_HOST.search(path))
        kept = [match.span() for match in _FIRMWARE_VARIABLE.finditer(text)]

        def replace(match: re.Match[str]) -> str:
            if any(start <= match.start() < end for start, end in kept):
                return match[0]
            return self._placeholder(match)

        return self._patterns[names_host, word].sub(replace, text)

    def _compile(self, word: str, *, with_hostname: bool) -> re.Pattern[str]:
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
        return re.compile("|".join((*parts, _BY_FORM.replace("WORD", word))), re.IGNORECASE)

    def _placeholder(self, match: re.Match[str]) -> str:
        found, kind = match[0], match.lastgroup
        if kind == "known_mac":
            placeholder, value = self._macs[found.lower()]
            self._number("MAC address", value)
            return placeholder.upper() if found.isupper() else placeholder
        if kind in ("serial", "short_serial", "wwn", "id"):
            return self._masked(found)
        if kind in ("mac", "enx", "bare"):
            return self._mac_by_form(found)
        if kind in ("ip4", "ip6"):
            return self._ip(found)
        if kind == "host":
            self._number("host name", self._hostname)
            return RECORDED_NAME
        if kind == "user":
            return self._user(found)
        if kind == "label":
            return self._label(found)
        if kind == "media":
            return self._media(
                found, of_users=match.string[: match.start()].endswith("/run/media/")
            )
        return f"00000000-0000-4000-8000-{self._number('UUID', found.lower()):012x}"

    def _user(self, name: str) -> str:
        return f"user{self._number('user name', name)}"

    def _label(self, label: str) -> str:
        # In a list of mounts a blank is written as its number.
        return f"label{self._number('volume label', label.replace(chr(92) + '040', ' '))}"

    def _media(self, place: str, *, of_users: bool) -> str:
        """Return the part of a path below /media: USER/LABEL, or what is there."""
        first, slash, label = place.partition("/")
        if label:
            return f"{self._user(first)}{slash}{self._label(label)}"
        if of_users:
            return self._user(first)
        return first if _PLACE_OF_ALL.fullmatch(first) else self._label(first)

    def _mac_by_form(self, found: str) -> str:
        octets = re.findall("..", re.sub("[:.-]", "", found.lower()))
        if not is_mac(":".join(octets)):
            return found
        number = self._number("MAC address", "".join(octets))
        placeholder = _mac_placeholder(number, len(octets))
        if "." in found:
            return _dotted(placeholder)
        return (found[2] if found[2] in ":-" else "").join(placeholder)

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


def _as_latin(text: str) -> str:
    return text.encode("utf-8", "surrogateescape").decode("latin-1")


def _from_latin(text: str) -> str:
    return text.encode("latin-1").decode("utf-8", "surrogateescape")
