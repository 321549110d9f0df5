"""The commands of `skerry-hub`: one module each, with `add_options(parser)` and `run(given)`.

`run` returns the exit status: 0 fine, 1 wrong, 2 wrong usage. A module imports late what only its
`run` needs, for all of them are imported to tell their options.
"""
