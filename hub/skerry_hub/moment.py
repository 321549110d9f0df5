"""How people are told a moment. Pure."""

import datetime


def moment(seconds: float) -> str:
    """Return a moment, in s since 1970, as ISO 8601 writes it in UTC."""
    return datetime.datetime.fromtimestamp(seconds, datetime.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
