"""A Discord of our own."""

from collections.abc import AsyncIterator

import pytest

from tests.outside.discord import Discord, discord_server


@pytest.fixture
async def server() -> AsyncIterator[Discord]:
    async with discord_server() as made:
        yield made
