"""Man pages and shell completions, made from the programs' own parsers and settings files.

Needs the standard library alone: a package is built without what the programs need to run.
"""
