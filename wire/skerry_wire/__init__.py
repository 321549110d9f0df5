"""The contract between nodes, hub and other systems: topics, messages, bytes. No I/O."""

__version__ = "0.1.0"
