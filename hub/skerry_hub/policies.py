"""Which documents are about a workload: selectors of its labels, and projects. Pure."""

from __future__ import annotations

from skerry_hub import selector
from skerry_hub.documents import Policy
from skerry_hub.model import Workload


def is_about(policy: Policy, workload: Workload) -> bool:
    """Say whether a policy is about a workload: by project and labels, both where it names both."""
    if policy.projects and workload.project not in policy.projects:
        return False
    return selects(policy.selector, workload)


def selects(text: str, workload: Workload) -> bool:
    """Say whether a document's selector fits a workload's labels; an empty one fits every one.

    Raises SelectorError for a text that never was a document's.
    """
    return selector.fits(selector.parse(text), workload.labels)
