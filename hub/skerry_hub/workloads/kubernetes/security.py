"""The securityContext of a pod and of its containers: as whom they run, and what they may. Pure.

What a container says of the user, of the group and of `runAsNonRoot` counts; what it does not say
of each, its pod does.
"""

from __future__ import annotations

import dataclasses

from skerry_hub.workloads.kubernetes.pod_keys import CAPABILITIES, POD_SECURITY, SECCOMP, SECURITY
from skerry_hub.workloads.kubernetes.scalars import string
from skerry_hub.workloads.kubernetes.values import count, flag, only
from skerry_hub.workloads.problems import short
from skerry_hub.workloads.process import capability
from skerry_hub.workloads.reading import Placed, Section, Value, listed

_ID = count(0, 2**31 - 1)


@dataclasses.dataclass(frozen=True, slots=True)
class RunAs:
    """As whom something runs, as far as it says so, and where that stands."""

    user: int | None = None
    group: Placed[int] | None = None
    non_root: Placed[bool] | None = None

    def user_of(self, own: RunAs, called: str) -> str | None:
        """Return user and group of a container of this pod; what cannot be is noted."""
        user = self.user if own.user is None else own.user
        group, non_root = own.group or self.group, own.non_root or self.non_root
        if non_root is not None and non_root[1] and not user:
            non_root[0].refuse(f"needs a runAsUser that is not 0 for {short(called)}")
        if user is None:
            if group is not None:
                group[0].refuse(f"needs a runAsUser for {short(called)}")
            return None
        return str(user) if group is None else f"{user}:{group[1]}"


@dataclasses.dataclass(frozen=True, slots=True)
class Security:
    """What a container's securityContext says."""

    run_as: RunAs = dataclasses.field(default_factory=RunAs)
    privileged: bool = False
    read_only: bool = False
    add: tuple[str, ...] = ()
    drop: tuple[str, ...] = ()


def pod_security(value: Value) -> RunAs:
    """Read the securityContext of a pod."""
    return _run_as(Section(value, POD_SECURITY))


def security(value: Value) -> Security:
    """Read the securityContext of a container."""
    section = Section(value, SECURITY)
    if section.get("allowPrivilegeEscalation", flag, default=True) is False:
        section.warn(
            "allowPrivilegeEscalation", "is not enforced: set-user-ID programs stay what they are"
        )
    add, drop = section.get("capabilities", _capabilities, ((), ()))
    return Security(
        run_as=_run_as(section),
        privileged=section.get("privileged", flag, default=False),
        read_only=section.get("readOnlyRootFilesystem", flag, default=False),
        add=add,
        drop=drop,
    )


def _run_as(section: Section) -> RunAs:
    section.get("seccompProfile", _seccomp, None)
    return RunAs(
        user=section.get("runAsUser", _ID, None),
        group=section.get("runAsGroup", lambda one: (one, _ID(one)), None),
        non_root=section.get("runAsNonRoot", lambda one: (one, flag(one)), None),
    )


def _seccomp(value: Value) -> str:
    return Section(value, SECCOMP).need("type", only("RuntimeDefault"), "")


def _capabilities(value: Value) -> tuple[tuple[str, ...], tuple[str, ...]]:
    section = Section(value, CAPABILITIES)
    read = listed(lambda one: capability(string(one)))
    return section.get("add", read, ()), section.get("drop", read, ())
