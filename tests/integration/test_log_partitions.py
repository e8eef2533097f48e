"""Partitions are made ahead, indexed when closed, and dropped; projects keep what they may."""

import json
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any
from uuid import UUID

import psycopg
import pytest

from notilog import clock
from notilog import settings as schema
from notilog.db.session import dedicated, reading, transaction
from notilog.logs import indexing, partitions, retention, spans
from notilog.logs.filters import Filters
from notilog.logs.intake import Sent, accept
from notilog.logs.search import search
from notilog.logs.store import keep
from notilog.logs.stretches import Order
from notilog.users.caller import Caller
from tests.integration.log_traffic import Stored

pytestmark = pytest.mark.usefixtures("database")
DAY = timedelta(days=1)
ADMIN = Caller(UUID(int=0), "admin", "admin", scopes=None, project=None)


async def store(records: Sequence[dict[str, Any]], *, keep_old: bool = True) -> None:
    body = json.dumps(records).encode()
    async with transaction() as tx:
        await keep(tx, [accept(Sent(body), now=clock.now(), keep_old=keep_old)])


def record(message: str, *, age: timedelta = timedelta(0), **fields: Any) -> dict[str, Any]:
    ts = (clock.now() - age).isoformat()
    return {
        "level": "info",
        "project": "shop",
        "module": "m",
        "message": message,
        "ts": ts,
        **fields,
    }


async def listed() -> list[partitions.Partition]:
    async with reading() as tx:
        return await partitions.listing(tx)


def retain(monkeypatch: pytest.MonkeyPatch, **kept: dict[str, float]) -> None:
    monkeypatch.setenv("NOTILOG_LOGS__RETENTION", json.dumps(kept))
    schema.load()


async def test_partitions_stand_end_to_end_for_the_days_to_come() -> None:
    now = clock.now() + timedelta(days=20)  # nothing was made for weeks
    end = await partitions.make_ahead(now, days=7)
    assert await partitions.make_ahead(now, days=7) == end
    found = await listed()
    assert found[0].begin is None
    assert all(one.end == other.begin for one, other in pairwise(found))
    assert end == found[-1].end > now + 6 * DAY
    assert len(found) > 20


async def test_closed_partitions_get_their_indexes_once(database_url: str) -> None:
    await store([record("first"), record("old", age=300 * DAY)])
    now = clock.now() + DAY
    closed = [part.name for part in await listed() if part.end <= now - timedelta(hours=2)]
    assert "log_records_past" in closed
    made = [*await indexing.index(now)]
    while more := await indexing.index(now):
        made += more
    assert set(made) >= {f"{name}_{end}" for name in closed for end in indexing.INDEXES}
    assert await indexing.index(now) == []
    # One that a crash left unfinished is made again.
    with psycopg.connect(database_url, autocommit=True) as connection:
        connection.execute(
            "UPDATE pg_index SET indisvalid = false WHERE indexrelid = %s::regclass", (made[-1],)
        )
    assert await indexing.index(now) == [made[-1]]


async def test_a_day_that_grows_is_indexed_in_spans_that_grow_together(database_url: str) -> None:
    begin = next(part.begin for part in await listed() if part.begin)

    async def indexed_at(hours: int, minutes: int) -> list[str]:
        await indexing.index(begin + timedelta(hours=hours, minutes=minutes))
        async with reading() as tx:
            today = next(part for part in await partitions.listing(tx) if part.begin == begin)
            return [f"{one.begin:%H%M}-{one.end:%H%M}" for one in await spans.listing(tx, today)]

    assert await indexed_at(0, 11) == []
    assert await indexed_at(0, 12) == ["0000-0010"]
    assert await indexed_at(0, 13) == ["0000-0010"]
    assert await indexed_at(0, 45) == ["0000-0010", "0010-0040"]
    assert await indexed_at(1, 5) == ["0000-0100"]
    assert await indexed_at(4, 0) == ["0000-0100", "0100-0200", "0200-0300", "0300-0350"]
    assert await indexed_at(4, 5) == ["0000-0100", "0100-0200", "0200-0300", "0300-0400"]
    assert await indexed_at(24 + 3, 0) == []


@pytest.mark.parametrize("order", ["asc", "desc"])
async def test_words_are_found_in_every_stretch_of_time(order: Order) -> None:
    begin = next(part.begin for part in await listed() if part.begin)
    moments = [begin + timedelta(minutes=7 * n) for n in range(-40, 40)]
    sent = [
        record(f"n{n} {'rare' if n % 3 else 'often'}", ts=moment.isoformat())
        for n, moment in enumerate(moments)
    ]
    await store(sent)
    wanted = [one["message"] for one in sent if "rare" in one["message"]]
    expected = wanted if order == "asc" else wanted[::-1]
    for hours in (0, 1, 2, 3, 4):
        await indexing.index(begin + timedelta(hours=hours, minutes=25))
        found, cursor = [], None
        async with reading() as tx:
            while True:
                page = await search(
                    tx,
                    ADMIN,
                    filters=Filters(words="rare", since=moments[0], until=moments[-1] + DAY),
                    order=order,
                    limit=7,
                    cursor=cursor,
                )
                found += [row.message for row in page.records]
                if (cursor := page.next) is None:
                    break
        assert found == expected


async def test_only_one_builds_and_writers_go_on(database_url: str) -> None:
    now = clock.now() + 2 * DAY
    async with dedicated() as connection:
        await connection.execute("SELECT pg_advisory_lock(%s)", (partitions.LOCK + 1,))
        assert await indexing.index(now) == []
    await store([record("goes on")])
    assert await indexing.index(now)
    assert Stored(database_url).count() == 1


async def test_partitions_that_nobody_keeps_are_dropped(
    environment: pytest.MonkeyPatch, database_url: str
) -> None:
    retain(environment, default={"days": 2}, bank={"days": 3})
    await store([record("today"), record("bank", project="bank")])
    await retention.enforce(clock.now())
    assert Stored(database_url).count() == 2
    before = {part.name for part in await listed()}
    later = clock.now() + 3 * DAY + timedelta(hours=1)
    await partitions.make_ahead(later, days=2)
    await retention.enforce(later)
    after = {part.name for part in await listed()}
    assert "log_records_past" in before & after
    assert Stored(database_url).count() == 0
    assert Stored(database_url).count("log_counts") == 0
    later += DAY
    await retention.enforce(later)
    assert before - {part.name for part in await listed()} != set()


async def test_a_process_that_died_while_dropping_is_finished(database_url: str) -> None:
    victim = (await listed())[-1]
    there = f"SELECT to_regclass('{victim.name}') IS NOT NULL"
    with psycopg.connect(database_url, autocommit=True) as connection:
        connection.execute(f"ALTER TABLE log_records DETACH PARTITION {victim.name}".encode())
        await partitions.finish_dropping()  # somebody's archive, for all that is known
        assert Stored(database_url).rows(there) == [(True,)]
        connection.execute(f"COMMENT ON TABLE {victim.name} IS 'NotiLog drops this'".encode())
    await partitions.finish_dropping()
    assert Stored(database_url).rows(there) == [(False,)]


async def test_a_record_of_a_day_that_was_dropped_is_stored_again(database_url: str) -> None:
    await partitions.make_ahead(clock.now() + 5 * DAY, days=2)
    _, gone, *_ = await listed()
    await partitions.drop(gone)
    assert gone.begin is not None
    await store([record("late", ts=(gone.begin + timedelta(hours=1)).isoformat()), record("now")])
    assert set(Stored(database_url).messages()) == {"late", "now"}
    assert Stored(database_url).count("log_rejects") == 0


async def test_each_project_keeps_what_it_may_by_age(
    environment: pytest.MonkeyPatch, database_url: str
) -> None:
    retain(environment, default={"days": 30}, bank={"days": 5}, vault={})
    aged = [
        record(f"{project} {days}", age=days * DAY, project=project)
        for project in ("shop", "bank", "vault")
        for days in (1, 10, 100)
    ]
    await store(aged)
    await retention.enforce(clock.now())
    assert set(Stored(database_url).messages()) == {
        *("shop 1", "shop 10"),
        "bank 1",
        *("vault 1", "vault 10", "vault 100"),
    }
    counted = Stored(database_url).rows("SELECT sum(records)::int FROM log_counts")
    assert counted == [(6,)]


async def test_a_record_older_than_its_retention_is_stored_at_its_arrival(
    environment: pytest.MonkeyPatch, database_url: str
) -> None:
    retain(environment, default={"days": 30}, bank={"days": 5}, vault={})
    aged = [record(p, age=10 * DAY, project=p) for p in ("shop", "bank", "vault")]
    await store(aged, keep_old=False)
    moved = Stored(database_url).rows(
        "SELECT project, attrs->>'original_ts' FROM log_records"
        " WHERE ts > now() - interval '1 hour'"
    )
    assert moved == [("bank", datetime.fromisoformat(aged[1]["ts"]).astimezone(UTC).isoformat())]


async def test_a_project_keeps_no_more_than_its_size(
    environment: pytest.MonkeyPatch, database_url: str
) -> None:
    retain(environment, shop={"mib": 0.05})
    await store(
        [record("x" * 1000, age=timedelta(minutes=minute)) for minute in range(100)]
        + [record("y" * 1000, age=timedelta(days=9), project="bank")]
    )
    await retention.enforce(clock.now())
    kept = Stored(database_url).rows(
        "SELECT count(*)::int, max(now() - ts) < interval '1 hour' FROM log_records"
        " WHERE project = 'shop'"
    )
    assert 30 < kept[0][0] <= 51
    assert kept[0][1]
    assert Stored(database_url).count() == kept[0][0] + 1
    await retention.enforce(clock.now())
    assert Stored(database_url).count() == kept[0][0] + 1
