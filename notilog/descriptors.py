"""File descriptors: whoever holds a thousand connections needs more than is given at first."""

import resource
from contextlib import suppress


def allow_many() -> None:
    """Raise the limit of open files to what the system permits this process."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    with suppress(ValueError, OSError):  # some systems refuse what they call their limit
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
