"""Every so many of something, counted from a start by arithmetic. Pure."""


def every(each: int, *, counted_from: int, first: int, last: int) -> range:
    """``counted_from`` and each ``each``-th number after it, from ``first`` to ``last``."""
    skipped = max(0, -((counted_from - first) // each))
    return range(counted_from + skipped * each, last + 1, each)
