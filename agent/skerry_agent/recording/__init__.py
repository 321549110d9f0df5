"""Recordings of boxes: what the probes read there, without what tells one box from another."""
