"""What every kind of observer is: settings of its own, and a coroutine that watches."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Annotated, Any, Generic, Protocol, TypeVar
from uuid import UUID

from pydantic import AfterValidator, BaseModel, HttpUrl

from notilog.leases.leases import Lease

EnvT = TypeVar("EnvT", bound=BaseModel)


def _without_credentials(url: HttpUrl) -> HttpUrl:
    if url.username is not None or url.password is not None:
        raise ValueError("a name or password in it would be shown; leave them out")
    return url


PublicUrl = Annotated[HttpUrl, AfterValidator(_without_credentials)]
"""A URL that may be shown."""


class Report(Protocol):
    """How a kind says how it goes; never waits."""

    def running(self) -> None:
        """It watches, and misses nothing."""

    def reconnecting(self, reason: str) -> None:
        """It does not watch for now, and tries again by itself."""


@dataclass(frozen=True, slots=True)
class Watch(Generic[EnvT]):
    """One run of an observer, for as long as the lease is its.

    Whatever it writes, it writes in transactions that `hold` the lease.
    """

    observer_id: UUID
    name: str
    env: EnvT
    lease: Lease
    report: Report


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind as the registry knows it.

    ``env`` says what it needs to be told; fields of the type ``SecretStr`` are kept encrypted and
    never shown. ``secrets_go_to`` names the fields that say where to, so that who changes one of
    them has to know the secrets. ``observe`` runs until it is cancelled, and raises `Permanent`
    when trying again is of no use, and anything else when it may be.
    """

    label: str
    env: type[BaseModel]
    observe: Callable[[Watch[Any]], Awaitable[None]]
    secrets_go_to: tuple[str, ...] = ()
