"""Tidying: closing by age, compressing, sending and deleting; alone, and after a crash."""

import asyncio
import os
import signal
import sys
from datetime import timedelta
from pathlib import Path

from aiohttp import web

from notilog.logs.files import live, tidying
from notilog.logs.files.folder import Folder
from notilog.logs.files.tidying import tidy
from notilog.ops.embedded import Program
from tests.integration.log_files.conftest import Configure
from tests.integration.log_files.lines import (
    NOW,
    ROOT,
    at_most,
    content,
    messages,
    names,
    record,
    write,
)
from tests.outside.http import receiver
from tests.servers.process import end, running, wait_until

CART = "shop/cart.log"
CLOSED = "shop/cart@20260120T101500Z-001.log"
DAY = timedelta(days=1)
LARGE = 3_000_000


def close(folder: Path, *, days: float = 0, size: int = 100, module: str = "cart") -> None:
    """Leave a closed file of a module, closed so many days after `NOW`, beside an open one."""
    now = NOW + days * DAY
    write(folder, record("x" * size, module=module), now=now)
    write(folder, record("open", module=module), now=now, switch_bytes=1)


async def test_a_file_is_closed_by_age_and_compressed(configure: Configure, tmp_path: Path) -> None:
    configure(switch_hours=1)
    write(tmp_path, record("one"))
    assert await tidy(NOW + timedelta(minutes=59))
    assert names(tmp_path) == [CART]
    modified = (tmp_path / CART).stat().st_mtime_ns
    assert await tidy(NOW + timedelta(minutes=61))
    assert names(tmp_path) == ["shop/cart@20260120T111600Z-001.log.zst"]
    assert messages(tmp_path) == ["one"]
    assert (tmp_path / names(tmp_path)[0]).stat().st_mtime_ns == modified


async def test_the_file_of_a_day_is_closed_when_it_is_over(
    configure: Configure, tmp_path: Path
) -> None:
    path = "{project}/{date}.log"
    configure(path=path, switch_hours=0)
    write(tmp_path, record("one"), path=path)
    entry = next((tmp_path / live.ENTRIES).iterdir())
    os.utime(entry, (NOW.timestamp(), NOW.timestamp()))
    await tidy(NOW + timedelta(hours=13))
    assert names(tmp_path) == ["shop/2026-01-20.log"]
    await tidy(NOW + timedelta(hours=14))
    assert names(tmp_path) == ["shop/2026-01-20@20260121T001500Z-001.log.zst"]


async def test_a_file_that_is_not_written_any_more_leaves_its_place_to_others(
    configure: Configure, tmp_path: Path
) -> None:
    configure()
    write(tmp_path, record("one"), max_files=1)
    (tmp_path / live.ENTRIES / "of-a-dead-process").touch()
    for entry in (tmp_path / live.ENTRIES).iterdir():
        os.utime(entry, (NOW.timestamp(), NOW.timestamp()))
    await tidy(NOW + 2 * DAY)
    assert live.keys(Folder(tmp_path)) == set()
    write(tmp_path, record("two", module="till"), max_files=1)
    assert "shop/till.log" in names(tmp_path)


async def test_files_stay_as_they_are_without_a_level(configure: Configure, tmp_path: Path) -> None:
    configure(compress_level=0)
    close(tmp_path)
    await tidy(NOW)
    assert names(tmp_path) == [CART, CLOSED]


async def test_old_files_are_deleted(configure: Configure, tmp_path: Path) -> None:
    configure(delete_days=30, switch_hours=0)
    for days in (0, 10, 20):
        close(tmp_path, days=days)
    await tidy(NOW + 45 * DAY)
    closed = {name.partition("T")[0] for name in names(tmp_path) if "@" in name}
    assert closed == {"shop/cart@20260209"}


async def test_the_oldest_go_when_all_take_too_much(configure: Configure, tmp_path: Path) -> None:
    configure(delete_bytes=2_500, switch_hours=0, compress_level=0)
    for days, module in ((0, "z"), (1, "b"), (2, "a")):
        close(tmp_path, days=days, size=900, module=module)
    await tidy(NOW + 3 * DAY)
    closed = [name for name in names(tmp_path) if "@" in name]
    assert [name.partition("@")[0] for name in closed] == ["shop/a", "shop/b"]
    assert len(names(tmp_path)) == 5, "what is being written is never deleted"


async def test_only_one_tidies(configure: Configure, tmp_path: Path) -> None:
    configure()
    for module in ("a", "b", "c"):
        close(tmp_path, module=module)
    done = await asyncio.gather(*(tidy(NOW) for _ in range(4)))
    assert sorted(done) == [False, False, False, True]
    assert len([name for name in names(tmp_path) if name.endswith(".zst")]) == 3
    assert len(messages(tmp_path)) == 6


async def test_a_process_that_is_killed_while_it_compresses(
    configure: Configure, tmp_path: Path
) -> None:
    configure(compress_level=1)
    folder = tmp_path / "shop"
    folder.mkdir()
    lines = b"".join(os.urandom(60).hex().encode() + b"\n" for _ in range(LARGE // 120))
    (tmp_path / CLOSED).write_bytes(lines)
    with running(_compressing(tmp_path), tmp_path / "output", cwd=ROOT) as process:
        wait_until(lambda: any(folder.glob(".*.tmp-*")), "the start of compressing")
        end(process, signal.SIGKILL)
    assert (tmp_path / CLOSED).read_bytes() == lines
    (tmp_path / "output").unlink()
    assert await tidy(NOW)
    assert names(tmp_path) == [f"{CLOSED}.zst"]
    assert content(tmp_path / f"{CLOSED}.zst") == lines
    assert not any(folder.glob(".*"))


def _compressing(folder: Path) -> Program:
    code = (
        "import sys, pathlib; from notilog.logs.files import archives, folder;"
        f"archives.compress(folder.Folder(pathlib.Path(sys.argv[1])), {CLOSED!r}, level=19)"
    )
    return Program((sys.executable, "-c", code, str(folder)))


async def test_a_crash_between_the_archive_and_the_end_of_its_original(
    configure: Configure, tmp_path: Path
) -> None:
    configure()
    close(tmp_path)
    original = (tmp_path / CLOSED).read_bytes()
    await tidy(NOW)
    (tmp_path / CLOSED).write_bytes(original)
    await tidy(NOW)
    assert names(tmp_path) == [CART, f"{CLOSED}.zst"]


async def test_a_full_disk_leaves_the_file_as_it_was(configure: Configure, tmp_path: Path) -> None:
    configure()
    close(tmp_path)
    (tmp_path / CLOSED).write_bytes(os.urandom(40_000))
    with at_most(20_000):
        await tidy(NOW)
    assert names(tmp_path) == [CART, CLOSED]
    assert not any((tmp_path / "shop").glob(".*"))
    await tidy(NOW)
    assert names(tmp_path) == [CART, f"{CLOSED}.zst"]


async def test_a_closed_file_is_sent_once_it_is_packed(
    configure: Configure, tmp_path: Path
) -> None:
    close(tmp_path, module="тест")
    async with receiver() as server:
        configure(
            push_url=server.url, push_allow_private=True, push_header="Authorization: Bearer abc"
        )
        await tidy(NOW)
        await tidy(NOW)
    (post,) = server.posts
    (name,) = (name for name in names(tmp_path) if name.endswith(".zst"))
    assert post.body == (tmp_path / name).read_bytes()
    assert post.headers["Authorization"] == "Bearer abc"
    assert post.headers["Content-Type"] == "application/zstd"
    assert post.headers["X-Log-File"] == (
        "shop/%D1%82%D0%B5%D1%81%D1%82%4020260120T101500Z-001.log.zst"
    )


async def test_the_name_may_stand_in_the_url(configure: Configure, tmp_path: Path) -> None:
    close(tmp_path)
    async with receiver() as server:
        url = server.url.replace("hook", "files/{name}")
        configure(push_url=url, push_allow_private=True, push_method="PUT", compress_level=0)
        await tidy(NOW)
    (put,) = server.posts
    assert (put.method, put.path) == ("PUT", f"/files/{CLOSED}")
    assert put.headers["Content-Type"] == "text/plain; charset=utf-8"
    assert put.body == (tmp_path / CLOSED).read_bytes()


async def test_a_file_that_was_not_taken_is_sent_again_later(
    configure: Configure, tmp_path: Path
) -> None:
    close(tmp_path)
    async with receiver() as server:
        server.answers += [web.Response(status=500), web.Response(status=401)]
        configure(push_url=server.url, push_allow_private=True)
        for minutes, sent in ((0, 1), (0.5, 1), (1, 2), (2, 2), (3, 3), (60, 3)):
            await tidy(NOW + timedelta(minutes=minutes))
            assert len(server.posts) == sent, f"after {minutes} min"


async def test_a_server_that_asks_for_patience_gets_it(
    configure: Configure, tmp_path: Path
) -> None:
    close(tmp_path)
    async with receiver() as server:
        server.answers += [web.Response(status=503, headers={"Retry-After": "3600"})]
        configure(push_url=server.url, push_allow_private=True)
        for minutes, sent in ((0, 1), (59, 1), (60, 2)):
            await tidy(NOW + timedelta(minutes=minutes))
            assert len(server.posts) == sent


async def test_a_private_address_is_refused(configure: Configure, tmp_path: Path) -> None:
    close(tmp_path)
    async with receiver() as server:
        configure(push_url=server.url)
        await tidy(NOW)
    assert server.posts == []


async def test_what_is_remembered_of_a_file_goes_with_it(
    configure: Configure, tmp_path: Path
) -> None:
    close(tmp_path)
    async with receiver() as server:
        configure(push_url=server.url, push_allow_private=True, delete_days=1, switch_hours=0)
        await tidy(NOW)
        assert any((tmp_path / "shop").glob(".*.push"))
        await tidy(NOW + 2 * DAY)
    assert names(tmp_path) == [CART]
    assert not any((tmp_path / "shop").glob(".*"))


async def test_no_folder_yet(configure: Configure, tmp_path: Path) -> None:
    configure(folder=str(tmp_path / "none"))
    assert await tidying.tidy(NOW)
