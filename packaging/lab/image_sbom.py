"""What is in the hub's image, as a CycloneDX document: Debian's packages, and Python's.

It is read from the image's files, not from what it was asked to install.
"""

from __future__ import annotations

import dataclasses
import datetime
import importlib.metadata
import pathlib
import re
import uuid
from collections.abc import Iterable, Mapping

from cyclonedx.contrib.license.factories import LicenseFactory
from cyclonedx.model.bom import Bom
from cyclonedx.model.component import Component, ComponentType
from cyclonedx.output import make_outputter
from cyclonedx.schema import OutputFormat, SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator
from packageurl import PackageURL

from lab.processes import LabError

VERSION = SchemaVersion.V1_6
LIBRARY = "opt/skerry/lib/python3*/site-packages"
STATUS = "var/lib/dpkg/status"
RELEASE = "etc/os-release"

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")


@dataclasses.dataclass(frozen=True, kw_only=True)
class Image:
    """Which image it is about, and from when its sources are."""

    name: str
    version: str
    made_at: datetime.datetime


def document(root: pathlib.Path, image: Image) -> str:
    """Return the document of an image's files. Raises LabError where its schema refuses it."""
    debian, python = debian_packages(root), python_packages(root)
    if not debian or not python:
        raise LabError(f"{root} has no packages: it is no image of the hub")
    whole = Component(
        type=ComponentType.CONTAINER,
        name=image.name,
        version=image.version,
        bom_ref=f"{image.name}@{image.version}",
    )
    bom = Bom(components=[*debian, *python])
    bom.metadata.component = whole
    bom.metadata.timestamp = image.made_at
    told = ",".join(str(one.purl) for one in bom.components)
    bom.serial_number = uuid.uuid5(uuid.NAMESPACE_URL, f"{image.name}@{image.version}:{told}")
    bom.register_dependency(whole, bom.components)
    by_name = {_normal(one.name): one for one in python}
    for one in importlib.metadata.distributions(path=_libraries(root)):
        needs = [by_name[name] for name in _required(one.requires or ()) if name in by_name]
        bom.register_dependency(by_name[_normal(one.name)], needs)
    text = make_outputter(bom, OutputFormat.JSON, VERSION).output_as_string(indent=1)
    refused = JsonStrictValidator(VERSION).validate_str(text)
    if refused is not None:
        raise LabError(f"the bill of materials is not as its schema says: {refused}")
    return text + "\n"


def debian_packages(root: pathlib.Path) -> list[Component]:
    """Return what dpkg has installed."""
    release = _fields((root / RELEASE).read_text(), "=")
    distribution = f"{release.get('ID', 'debian')}-{release.get('VERSION_ID', '')}".rstrip("-")
    found = []
    for paragraph in (root / STATUS).read_text().split("\n\n"):
        fields = _fields(paragraph, ":")
        if not fields.get("Status", "").endswith(" installed"):
            continue
        qualifiers = {"arch": fields["Architecture"], "distro": distribution}
        name, version = fields["Package"], fields["Version"]
        purl = PackageURL("deb", "debian", name, version, qualifiers)
        found.append(
            Component(
                type=ComponentType.LIBRARY,
                name=name,
                version=version,
                purl=purl,
                bom_ref=str(purl),
            )
        )
    return found


def python_packages(root: pathlib.Path) -> list[Component]:
    """Return what is installed beside the hub, with it."""
    licenses = LicenseFactory()
    found = []
    for one in importlib.metadata.distributions(path=_libraries(root)):
        metadata = one.metadata.json
        said = str(metadata.get("license_expression") or metadata.get("license") or "")
        # Some have the whole text there; a name is short.
        known = licenses.make_from_string(said) if 0 < len(said) < 100 else None
        purl = PackageURL("pypi", None, _normal(one.name), one.version)
        found.append(
            Component(
                type=ComponentType.LIBRARY,
                name=one.name,
                version=one.version,
                purl=purl,
                bom_ref=str(purl),
                licenses=[known] if known is not None else [],
            )
        )
    return found


def _libraries(root: pathlib.Path) -> list[str]:
    return [str(one) for one in root.glob(LIBRARY)]


def _required(requires: Iterable[str]) -> list[str]:
    names = []
    for one in requires:
        found = _NAME.match(one)
        if found is not None and "extra ==" not in one:
            names.append(_normal(found[0]))
    return names


def _normal(name: str) -> str:
    return re.sub("[-_.]+", "-", name).lower()


def _fields(text: str, sign: str) -> Mapping[str, str]:
    """Return fields by name; a line that goes on another is no matter here."""
    lines = (line.partition(sign) for line in text.splitlines() if not line.startswith(" "))
    return {name: value.strip().strip('"') for name, found, value in lines if found}
