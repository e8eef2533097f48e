"""The store keeps every good row once, whatever stands beside it."""

import json
import struct
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from sqlalchemy import func, select

from notilog import clock
from notilog.db.session import reading, transaction
from notilog.logs import store
from notilog.logs.batch import Batch, Reject
from notilog.logs.intake import Sent, accept
from notilog.logs.store import Kept, keep
from notilog.logs.tables import LogBatchRow, LogRecordRow, LogRejectRow

NOW = datetime(2026, 11, 20, 10, tzinfo=UTC)
GOOD = {"level": "info", "project": "shop", "module": "cart"}

pytestmark = pytest.mark.usefixtures("database")


def batch(*records: dict[str, Any], batch_id: UUID | None = None) -> Batch:
    body = json.dumps([{**GOOD, **record} for record in records]).encode()
    return accept(Sent(body), now=NOW, batch_id=batch_id or uuid4())


async def stored(*batches: Batch) -> Kept:
    async with transaction() as tx:
        return await keep(tx, batches)


async def rows() -> list[LogRecordRow]:
    statement = select(LogRecordRow).order_by(LogRecordRow.ts, LogRecordRow.id)
    async with transaction() as tx:
        return list((await tx.execute(statement)).scalars())


async def messages() -> list[str]:
    return [row.message for row in await rows()]


async def rejects() -> list[LogRejectRow]:
    statement = select(LogRejectRow).order_by(LogRejectRow.position)
    async with reading() as tx:
        return list((await tx.execute(statement)).scalars())


async def test_every_field_arrives_as_it_was_sent() -> None:
    record = {
        "id": str(UUID(int=2**127 + 5)),
        "ts": "2026-11-20T13:00:00.000001+03:00",
        "level": "ERROR",
        "project": "магазин",
        "module": "cart\t\\N",
        "message": "tab\t newline\n quote\" back\\slash \\. 'x' €\u2028 🎉",
        "host": "",
        "service": "s",
        "environment": "e",
        "logger": "l",
        "trace_id": "t",
        "span_id": "s2",
        "request_id": "r",
        "stack_trace": "line 1\nline 2",
        "attrs": {"a": {"b": [1, 2.5, None, True, "ж"]}, "n": 12345678901234567890123},
    }
    await stored(batch(record))
    (row,) = await rows()
    expected = {
        **record,
        "id": UUID(int=2**127 + 5),
        "ts": NOW.replace(microsecond=1),
        "level": 40,
    }
    assert {name: getattr(row, name) for name in expected} == expected


async def test_what_is_left_out_is_null_and_the_time_is_the_arrival() -> None:
    await stored(batch({"message": "first"}, {"message": "second"}))
    first, second = await rows()
    assert (first.message, second.message) == ("first", "second")
    assert first.ts == second.ts == NOW
    assert first.id.version == 7
    assert (first.host, first.trace_id, first.stack_trace, first.attrs) == (None,) * 4


@pytest.mark.parametrize("year", [1, 1969, 1999, 2000, 2025])
async def test_any_year_of_the_past_is_kept(year: int) -> None:
    moment = f"{year:04}-12-31T12:00:00.123456Z"
    await stored(batch({"message": "m", "ts": moment}))
    (row,) = await rows()
    assert row.ts == datetime.fromisoformat(moment)


async def test_what_is_far_ahead_is_stored_at_its_arrival() -> None:
    ahead = {"message": "ahead", "ts": "9999-12-31T12:00:00.5Z", "attrs": {"order": 1}}
    soon = (NOW + timedelta(hours=23)).isoformat()
    await stored(batch(ahead, {"message": "soon", "ts": soon}))
    first, second = await rows()
    assert (first.message, first.ts) == ("ahead", NOW)
    assert first.attrs == {"order": 1, "original_ts": "9999-12-31T12:00:00.500000+00:00"}
    assert (second.message, second.ts.isoformat(), second.attrs) == ("soon", soon, None)


async def test_a_batch_that_comes_again_is_dropped() -> None:
    once = batch({"message": "once"}, batch_id=uuid4())
    assert await stored(once, once) == Kept(stored=1, rejected=0, repeated=1)
    other = batch({"message": "other"})
    assert await stored(other, once) == Kept(stored=1, rejected=0, repeated=1)
    assert sorted(await messages()) == ["once", "other"]


async def test_a_record_with_an_id_that_comes_again_in_another_batch_is_stored_once() -> None:
    record = {"id": str(uuid4()), "ts": NOW.isoformat(), "message": "once"}
    await stored(batch(record, {"message": "a"}))
    await stored(batch(record, {"message": "b"}), batch(record, {"message": "c"}))
    assert sorted(await messages()) == ["a", "b", "c", "once"]
    assert await rejects() == []


async def test_rows_that_the_database_refuses_are_kept_apart_with_the_reason() -> None:
    good = batch(*({"message": f"{number}"} for number in range(40)))
    # No text like this passes the intake; whatever else got here must not stop the others.
    bad = batch(*({"message": "good"} if n % 3 else {"message": "BAD"} for n in range(10)))
    broken = Batch(bad.id, bad.records, bad.rows.replace(b"BAD", b"\xff\xfeD"))
    kept = await stored(good, broken)
    assert kept == Kept(stored=46, rejected=4, repeated=0)
    assert len(await messages()) == 46
    found = await rejects()
    assert [row.position for row in found] == [0, 3, 6, 9]
    assert {row.batch_id for row in found} == {bad.id}
    assert all("invalid byte sequence" in row.reason for row in found)
    assert all(b"\xff\xfeD" in row.payload for row in found)
    assert await stored(good, broken) == Kept(stored=0, rejected=0, repeated=2)


@pytest.mark.parametrize(
    ("microseconds", "reason"),
    [
        (252_455_616_000 * 10**6, "ts: is too far ahead"),
        (-63_113_904_000 * 10**6 - 1, "ts: must be in the years 1 to 9999, in UTC"),
    ],
)
async def test_a_time_that_has_no_place_is_refused_in_sealed_rows_too(
    microseconds: int, reason: str
) -> None:
    mixed = batch(
        {"message": "before"},
        {"message": "beyond", "ts": "2001-02-03T04:05:06.789Z", "id": str(uuid4())},
        {"message": "after"},
    )
    moment = datetime(2001, 2, 3, 4, 5, 6, 789_000, tzinfo=UTC) - datetime(2000, 1, 1, tzinfo=UTC)
    ts = struct.pack("!q", moment // timedelta(microseconds=1))
    assert mixed.rows.count(ts) == 1
    beyond = Batch(mixed.id, 3, mixed.rows.replace(ts, struct.pack("!q", microseconds)))
    good = batch({"message": "good"})
    assert await stored(beyond, good) == Kept(stored=3, rejected=1, repeated=0)
    assert sorted(await messages()) == ["after", "before", "good"]
    (refused,) = await rejects()
    assert (refused.position, refused.reason) == (1, reason)
    assert b"beyond" in refused.payload


async def test_damaged_rows_are_kept_as_they_are() -> None:
    whole = batch({"message": "whole"})
    damaged = Batch(uuid4(), 3, batch({"message": "cut"}).rows[:-7])
    kept = await stored(damaged, whole)
    assert kept.rejected == 1
    assert await messages() == ["whole"]
    assert [row.payload for row in await rejects()] == [damaged.rows]


async def test_a_message_without_good_records_leaves_only_rejects() -> None:
    empty = Batch(uuid4(), 0, b"", (Reject(0, "not JSON", b"?"),))
    assert await stored(empty) == Kept(stored=0, rejected=1, repeated=0)
    assert await stored(empty) == Kept(stored=0, rejected=0, repeated=1)
    assert [(row.reason, row.payload) for row in await rejects()] == [("not JSON", b"?")]


async def test_nothing_is_stored_when_the_transaction_fails() -> None:
    with pytest.raises(RuntimeError):
        async with transaction() as tx:
            await keep(tx, [batch({"message": "lost"})])
            raise RuntimeError
    assert await messages() == []


async def test_old_batches_are_forgotten() -> None:
    await stored(batch({"message": "a"}))
    async with transaction() as tx:
        assert await store.forget_batches(tx, store.remembered_since(clock.now(), days=7)) == 0
        later = clock.now() + timedelta(days=7, seconds=1)
        assert await store.forget_batches(tx, store.remembered_since(later, days=7)) == 1
        assert await tx.scalar(select(func.count()).select_from(LogBatchRow)) == 0
    assert await messages() == ["a"]
