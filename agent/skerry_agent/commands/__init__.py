"""The commands of `skerry-agent`: one module each, with `add_options(parser)` and `run(given)`.

`run` returns the exit status: 0 fine, 1 wrong, 2 wrong usage. A module imports late what only its
`run` needs: a running agent keeps for ever what it has imported.
"""
