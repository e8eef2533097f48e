"""The names of the leases under which observers run."""

from typing import Final
from uuid import UUID

LEASES: Final = "observer:"
"""How they begin."""


def lease_name(observer_id: UUID) -> str:
    """The name under which at most one process runs the observer."""
    return f"{LEASES}{observer_id}"


def observer_of(name: str) -> UUID:
    """The observer whose lease has this name."""
    return UUID(name.removeprefix(LEASES))
