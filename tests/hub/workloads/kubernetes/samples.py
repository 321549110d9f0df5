"""What the tests of manifests share: a pod made of the part that matters."""

import textwrap

from skerry_hub.workloads.compose import ComposeError, SourceFile
from skerry_hub.workloads.kubernetes.manifests import parse

POD = """\
apiVersion: v1
kind: Pod
metadata: {name: one}
spec:
  containers:
  - {name: web, image: x}
"""
"""Six lines; what a test adds to the spec starts on line 7."""


def pod(spec, container=""):
    """Return a pod with keys of its spec, and of its one container (then not by line)."""
    text = POD
    if container:
        own = textwrap.indent(f"name: web\nimage: x\n{container}\n", "    ")
        text = text.replace("  - {name: web, image: x}\n", "  -\n" + own)
    return text + textwrap.indent(spec, "  ") + "\n"


def parse_text(text, project="shop", **how):
    """Return the workloads of a file."""
    return tuple(one.workload for one in parse([SourceFile("shop.yaml", text, project, **how)]))


def container(spec, own="", before=""):
    """Return the pod's one container."""
    (found,) = parse_text(before + pod(spec, own))
    return found.containers[-1]


def problems(text, **how):
    """Return (line, field, reason) of everything wrong with a file."""
    try:
        parse_text(text, **how)
    except ComposeError as error:
        return [(one.line, one.field, one.reason) for one in error.problems]
    return []


def warnings(text):
    """Return (line, field, reason) of every warning of a file."""
    found = (
        one for read in parse([SourceFile("shop.yaml", text, "shop")]) for one in read.warnings
    )
    return [(one.line, one.field, one.reason) for one in found]


def refusals(spec, own=""):
    """Return what is wrong with a pod of these keys."""
    return problems(pod(spec, own))
