"""The signals with which a container can be stopped, by every name that runtimes take. Pure.

The numbers are those of Linux on x86 and ARM, as signal(7) has them; the real-time ones are
counted as the C library counts them, which has 32 and 33 for itself.
"""

from __future__ import annotations

_NAMES = (
    *("HUP", "INT", "QUIT", "ILL", "TRAP", "ABRT", "BUS", "FPE", "KILL", "USR1", "SEGV", "USR2"),
    *("PIPE", "ALRM", "TERM", "STKFLT", "CHLD", "CONT", "STOP", "TSTP", "TTIN", "TTOU", "URG"),
    *("XCPU", "XFSZ", "VTALRM", "PROF", "WINCH", "IO", "PWR", "SYS"),
)
RTMIN, RTMAX = 34, 64
NUMBERS = {
    **{name: number for number, name in enumerate(_NAMES, start=1)},
    "IOT": 6,
    "CLD": 17,
    "POLL": 29,
    "RTMIN": RTMIN,
    "RTMAX": RTMAX,
}
"""Of every name, without its SIG."""

_REAL_TIME = range(RTMIN, RTMAX + 1)
_KNOWN: dict[str, int] = {
    **NUMBERS,
    **{f"RTMIN+{number - RTMIN}": number for number in _REAL_TIME},
    **{f"RTMAX-{RTMAX - number}": number for number in _REAL_TIME},
    **{str(number): number for number in (*range(1, len(_NAMES) + 1), *_REAL_TIME)},
}
_LONGEST_GUESS = 16


class SignalError(ValueError):
    """A text that is no signal; says what may be meant."""


def number_of(text: str) -> int:
    """Return a signal's number: of `SIGTERM`, `term`, `15`, `RTMIN+3`. Raises SignalError."""
    name = text.upper().removeprefix("SIG")
    number = _KNOWN.get(name)
    if number is None:
        raise SignalError(_why_not(text, name))
    return number


def written(text: str) -> str:
    """Return a signal as an order has it: in capitals, without a minus. Raises SignalError."""
    number = number_of(text)
    name = text.upper()
    return str(number) if "-" in name else name


def _why_not(text: str, name: str) -> str:
    import difflib  # noqa: PLC0415 - seldom needed

    shown = repr(text if len(text) <= 40 else text[:40] + "...")
    close = difflib.get_close_matches(name, NUMBERS, n=1) if len(name) <= _LONGEST_GUESS else []
    guess = f"did you mean SIG{close[0]}?" if close else "write SIGTERM, SIGINT or SIGRTMIN+3"
    return f"{shown} is no signal; {guess}"
