"""Kubernetes manifests into the same workloads as compose files. Pure."""
