"""What time it is; handed in where it matters, so that a test can say it."""

from collections.abc import Callable

Clock = Callable[[], float]
"""Tells the time in seconds since 1970, as `time.time` does."""
