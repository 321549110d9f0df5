"""Measures what the README promises, on the real parts. `./dev bench` runs it."""
