"""The variables of a container: texts, keys of ConfigMaps, secrets. Pure."""

from __future__ import annotations

from collections.abc import Mapping

from skerry_hub.workloads.kubernetes.pod_keys import ENV, ENV_FROM, ENV_SOURCE, KEY_REF, NAME_REF
from skerry_hub.workloads.kubernetes.references import ConfigMaps, no_config_map, secret_of
from skerry_hub.workloads.kubernetes.scalars import string
from skerry_hub.workloads.kubernetes.values import name, one_of, only, unreplaced
from skerry_hub.workloads.problems import RefusedError, short
from skerry_hub.workloads.reading import Placed, Section, Value, attempt, items
from skerry_wire.lifecycle import Sealed


def environment(
    section: Section, configs: ConfigMaps
) -> tuple[dict[str, str], Mapping[str, Placed[Sealed]]]:
    """Return a container's variables in plain, and those that are secrets."""
    plain: dict[str, str] = {}
    secrets: dict[str, Placed[Sealed]] = {}
    from_maps = section.at("envFrom")
    for item in () if from_maps is None else attempt(from_maps, _items) or ():
        plain.update(attempt(item, lambda one: _all_of(one, configs)) or {})
    own = section.at("env")
    for item in () if own is None else attempt(own, _items) or ():
        found = attempt(item, lambda one: _variable(one, configs))
        if found is None:
            continue
        called, content = found
        # The last of a name counts, as in Kubernetes; it is of one of the two sorts.
        plain.pop(called, None)
        secrets.pop(called, None)
        if isinstance(content, str):
            plain[called] = content
        else:
            secrets[called] = content
    return plain, secrets


def _items(value: Value) -> tuple[Value, ...]:
    return tuple(items(value))


def _variable(value: Value, configs: ConfigMaps) -> tuple[str, str | Placed[Sealed]]:
    section = Section(value, ENV)
    called = section.need("name", _name, "X")
    if "value" in section and "valueFrom" in section:
        section.refuse("valueFrom", "cannot stand beside value")
    content = section.get("value", unreplaced, "", empty_ok=True)
    source = section.get("valueFrom", lambda one: _source(one, configs), None)
    return called, content if source is None else source


def _name(value: Value) -> str:
    found = name(value)
    if "=" in found or "\0" in found:
        raise RefusedError(f"{short(found)} is not a name of a variable")
    return found


def _source(value: Value, configs: ConfigMaps) -> str | Placed[Sealed]:
    read = one_of(value, ENV_SOURCE, ("configMapKeyRef", "secretKeyRef"))
    if read is None:
        return ""
    section, sort = read
    if sort == "secretKeyRef":
        return section.need(sort, _secret_key, "")
    return section.need(sort, lambda one: _config_key(one, configs), "")


def _secret_key(value: Value) -> Placed[Sealed]:
    section = Section(value, KEY_REF)
    called, key = _key_ref(section)
    # Without one of them, which is told, any name does.
    return section.at("name") or value, secret_of(called or "x", key or "x")


def _config_key(value: Value, configs: ConfigMaps) -> str:
    section = Section(value, KEY_REF)
    called, key = _key_ref(section)
    if not called or not key:
        return ""
    content = configs.content_of(called)
    if content is None:
        section.refuse("name", no_config_map(called))
    elif key not in content:
        section.refuse("key", f"the ConfigMap {short(called)} has no key {short(key)}")
    else:
        return _text_of(content[key], key)
    return ""


def _text_of(content: bytes, key: str) -> str:
    try:
        found = content.decode()
    except UnicodeDecodeError:
        raise RefusedError(f"the key {short(key)} is no text") from None
    if "\0" in found:
        raise RefusedError(f"the key {short(key)} has a NUL in it")
    return found


def _key_ref(section: Section) -> tuple[str, str]:
    section.get("optional", only("false"), None)
    return section.need("name", name, ""), section.need("key", name, "")


def _all_of(value: Value, configs: ConfigMaps) -> dict[str, str]:
    read = one_of(value, ENV_FROM, ("configMapRef",))
    if read is None:
        return {}
    section, _ = read
    prefix = section.get("prefix", string, "")
    content = section.need("configMapRef", lambda one: _named_map(one, configs), {})
    return {prefix + key: _text_of(data, key) for key, data in content.items()}


def _named_map(value: Value, configs: ConfigMaps) -> Mapping[str, bytes]:
    section = Section(value, NAME_REF)
    section.get("optional", only("false"), None)
    called = section.need("name", name, "")
    content = configs.content_of(called)
    if called and content is None:
        section.refuse("name", no_config_map(called))
    return content or {}
