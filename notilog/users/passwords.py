"""Passwords: argon2id, computed in threads of its own because it is slow by design."""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from typing import ClassVar, TypeVar

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from pydantic import Field

from notilog import config
from notilog.config import Section
from notilog.users.credentials import issue

MINIMAL_LENGTH = config.MINIMAL_PASSWORD
MAXIMAL_LENGTH = config.MAXIMAL_PASSWORD

AT_ONCE = 2
"""Each computation holds its memory while it runs; a storm of logins must not take it all."""

ResultT = TypeVar("ResultT")


class PasswordSettings(Section):
    """The cost of a password's hash; raising it rehashes each password at its next login."""

    section: ClassVar[str] = "passwords"

    memory_kib: int = Field(65_536, ge=8_192, le=4_194_304)
    passes: int = Field(3, ge=1, le=100)


_threads = ThreadPoolExecutor(AT_ONCE, thread_name_prefix="passwords")


async def hashed(password: str) -> str:
    return await _computed(lambda: _hasher().hash(_bytes(password)))


async def is_right(password: str, password_hash: str | None) -> bool:
    """Whether the password belongs to the hash.

    Without a hash (no such person, or one without a password) it is compared with one that
    nothing matches, so that the time taken does not tell.
    """
    return await _computed(lambda: _matches(password, password_hash))


def is_outdated(password_hash: str) -> bool:
    """Whether the hash was made at another cost than the settings ask for now."""
    return _hasher().check_needs_rehash(password_hash)


async def _computed(compute: Callable[[], ResultT]) -> ResultT:
    return await asyncio.get_running_loop().run_in_executor(_threads, compute)


def _hasher() -> PasswordHasher:
    settings = config.section(PasswordSettings)
    return PasswordHasher(memory_cost=settings.memory_kib, time_cost=settings.passes)


def _matches(password: str, password_hash: str | None) -> bool:
    hasher = _hasher()
    try:
        return hasher.verify(password_hash or _nobodys(hasher), _bytes(password))
    except (VerificationError, InvalidHashError):
        return False


@cache
def _nobodys_hash(memory_kib: int, passes: int) -> str:
    return PasswordHasher(memory_cost=memory_kib, time_cost=passes).hash(issue(""))


def _nobodys(hasher: PasswordHasher) -> str:
    return _nobodys_hash(hasher.memory_cost, hasher.time_cost)


def _bytes(password: str) -> bytes:
    return password.encode("utf-8", "surrogatepass")
