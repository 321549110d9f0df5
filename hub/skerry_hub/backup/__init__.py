"""Backups: everything that makes a hub that hub, in one file, and back again.

`parts` is the visible table of what belongs to one. `making` and `restoring` are what the commands
`skerry-hub backup` and `skerry-hub restore` call.
"""
