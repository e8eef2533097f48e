"""The migrations make, from nothing, exactly the tables that the code describes."""

from notilog.db import migrate


async def test_upgraded_from_empty_the_database_is_what_the_code_describes(
    database_url: str,
) -> None:
    assert await migrate.revision(database_url) == migrate.head()
    await migrate.check(database_url)


async def test_upgrading_again_changes_nothing(database_url: str) -> None:
    assert await migrate.upgrade(database_url) == (migrate.head(), migrate.head())
