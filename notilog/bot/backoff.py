"""How long the bot waits before it tries again. Pure."""

FIRST = 1.0
LONGEST = 60.0


def pause(failures: int, *, luck: float) -> float:
    """Seconds to wait after so many failures in a row: twice as long each time, up to a minute.

    ``luck`` in 0..1 takes up to half of it away, so that bots that failed together do not all
    come back together.
    """
    ceiling = min(LONGEST, FIRST * 2.0 ** (min(failures, 16) - 1))
    return ceiling * (1.0 - luck / 2)
