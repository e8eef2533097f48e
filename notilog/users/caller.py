"""Who asks, and what they may do: roles, scopes and the caller of one request."""

from dataclasses import dataclass
from datetime import datetime
from typing import Final, Literal, Self, get_args
from uuid import UUID

Scope = Literal[
    "logs:write",
    "logs:read",
    "logs:admin",
    "events:read",
    "events:write",
    "events:feed",
    "incidents:read",
    "incidents:write",
    "observers:admin",
    "agents:connect",
    "metrics:read",
    "admin",
]
Role = Literal["user", "admin"]

SCOPES: Final[frozenset[str]] = frozenset(get_args(Scope))

RIGHTS: Final[dict[str, frozenset[str]]] = {
    "user": frozenset(
        {
            *("logs:write", "logs:read", "events:read", "events:write", "events:feed"),
            *("incidents:read", "incidents:write", "agents:connect"),
        }
    ),
    "admin": SCOPES,
}
"""The scopes that each role has; ``admin`` among them stands for every other."""


@dataclass(frozen=True, slots=True)
class Caller:
    """A person, or a program with a token of theirs.

    ``scopes`` is None for a session, whose rights are the role's; a token has the scopes that it
    was given, as far as the role of its owner still covers them. ``credential`` is the SHA-256 of
    what was presented, valid from ``since`` until ``expires_at`` (None: for ever).
    """

    user_id: UUID
    login: str
    role: str
    scopes: frozenset[str] | None
    project: str | None
    credential: bytes = b""
    since: datetime | None = None
    expires_at: datetime | None = None

    @property
    def rights(self) -> frozenset[str]:
        of_role = RIGHTS[self.role]
        return of_role if self.scopes is None else of_role & self.scopes

    def may(self, scope: str) -> bool:
        rights = self.rights
        return scope in rights or "admin" in rights

    @property
    def is_admin(self) -> bool:
        return "admin" in self.rights

    @classmethod
    def of_operator(cls) -> Self:
        """Whoever may run commands beside the platform, and so knows its database anyway."""
        return cls(UUID(int=0), "notilog", "admin", scopes=None, project=None)

    @property
    def in_person(self) -> bool:
        """Whether this is a session: somebody who typed a password, not a program."""
        return self.scopes is None
