"""Listing and downloading files over HTTP, and who may."""

import json
import os
from collections.abc import AsyncIterator
from pathlib import Path
from urllib.parse import quote

import pytest
import zstandard
from httpx import AsyncClient, Response

from notilog import settings as schema
from tests.integration.conftest import Person
from tests.integration.log_files.lines import NOW, content, names, record, write

CART = "shop/cart.log"


@pytest.fixture(autouse=True)
def folder(environment: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """The folder of the API's settings."""
    environment.setenv("NOTILOG_LOGS__CONNECTORS", '["files"]')
    environment.setenv("NOTILOG_LOGS__FILES__FOLDER", str(tmp_path / "logs"))
    return tmp_path / "logs"


async def listed(client: AsyncClient, **query: object) -> list[str]:
    answer = await client.get("logs/files", params={key: str(one) for key, one in query.items()})
    assert answer.status_code == 200, answer.text
    return [item["name"] for item in answer.json()["items"]]


async def got(client: AsyncClient, name: str, **headers: str) -> Response:
    named = {key.replace("_", "-"): value for key, value in headers.items()}
    return await client.get(f"logs/files/{quote(name)}", headers=named)


async def test_files_are_listed_by_name(ann: Person, folder: Path) -> None:
    assert await listed(ann.api) == []
    for module in ("till", "cart", "../x"):
        write(folder, record(module=module))
    write(folder, record(project="blog"))
    (folder / "link.log").symlink_to("/etc/passwd")
    (folder / "shop" / "away").symlink_to("/etc")
    found = ["blog/cart.log", "shop/%2E.%2Fx.log", CART, "shop/till.log"]
    assert await listed(ann.api) == found
    assert await listed(ann.api, prefix="shop/") == found[1:]
    assert await listed(ann.api, prefix="shop/c") == [CART]
    assert await listed(ann.api, prefix="sh") == found[1:]
    for nothing in ("none/", "../", "/etc/", "shop/away/", ".live/", "shop/cart.log/"):
        assert await listed(ann.api, prefix=nothing) == []


async def test_a_file_is_described(ann: Person, folder: Path) -> None:
    write(folder, record("one"))
    write(folder, record("two"), switch_bytes=1)
    closed = next(name for name in names(folder) if name != CART)
    packed = folder / f"{closed}.zst"
    packed.write_bytes(zstandard.compress((folder / closed).read_bytes()))
    answer = (await ann.api.get("logs/files")).json()
    items = {item["name"]: item for item in answer["items"]}
    assert items[CART]["size"] == len(content(folder / CART))
    assert items[CART]["modified"].endswith("Z")
    assert [items[name]["archived"] for name in (CART, closed, f"{closed}.zst")] == [
        *(False, False, True)
    ]
    answer = await got(ann.api, f"{closed}.zst")
    assert answer.headers["Content-Type"] == "application/zstd"
    assert answer.content == packed.read_bytes()


async def test_pages(ann: Person, folder: Path) -> None:
    write(folder, *(record(project=f"p{n % 3}", module=f"m{n}") for n in range(10)))
    seen: list[str] = []
    cursor = None
    while True:
        query = {"limit": 3} | ({"cursor": cursor} if cursor else {})
        page = (await ann.api.get("logs/files", params=query)).json()
        seen += [item["name"] for item in page["items"]]
        cursor = page["next"]
        if cursor is None:
            break
    assert seen == names(folder)
    assert (await ann.api.get("logs/files", params={"cursor": "ё"})).status_code == 422


async def test_a_file_is_downloaded(ann: Person, folder: Path) -> None:
    write(folder, record("привет", module="касса"))
    answer = await got(ann.api, "shop/касса.log")
    assert answer.status_code == 200
    assert json.loads(answer.text)["message"] == "привет"
    assert answer.headers["Content-Type"] == "text/plain; charset=utf-8"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.headers["Content-Length"] == str(len(answer.content))
    assert answer.headers["Content-Disposition"].startswith("attachment; filename*=utf-8''%D0")


async def test_a_range(ann: Person, folder: Path) -> None:
    write(folder, record())
    whole = content(folder / CART)
    size = len(whole)
    for asked, begin, end in (
        *(("0-9", 0, 10), ("5-", 5, size), ("-7", size - 7, size), ("3-3", 3, 4)),
        *((f"9-{size * 2}", 9, size), (f"{size - 1}-", size - 1, size)),
    ):
        answer = await got(ann.api, CART, Range=f"bytes={asked}")
        assert (answer.status_code, answer.content) == (206, whole[begin:end]), asked
        assert answer.headers["Content-Range"] == f"bytes {begin}-{end - 1}/{size}"
    for asked in ("bytes=0-", f"bytes=-{size * 2}", "bytes=0-1,3-4", "lines=0-1", "bytes=4-2", "x"):
        answer = await got(ann.api, CART, Range=asked)
        assert (answer.status_code, answer.content) == (200, whole), asked
    for asked in (f"bytes={size}-", "bytes=-0"):
        answer = await got(ann.api, CART, Range=asked)
        assert answer.status_code == 416
        assert answer.headers["Content-Range"] == f"bytes */{size}"
        assert answer.headers["Content-Type"] == "application/problem+json"


async def test_the_rest_of_a_file_that_was_changed_is_not_sent(ann: Person, folder: Path) -> None:
    write(folder, record("one"))
    first = await got(ann.api, CART)
    same = {"Range": "bytes=5-", "If_Range": first.headers["ETag"]}
    assert (await got(ann.api, CART, **same)).content == first.content[5:]
    dated = {**same, "If_Range": first.headers["Last-Modified"]}
    assert (await got(ann.api, CART, **dated)).status_code == 206
    write(folder, record("two"))
    assert (await got(ann.api, CART, **same)).content == content(folder / CART)
    # What came since is asked for without that.
    since = await got(ann.api, CART, Range=f"bytes={len(first.content)}-")
    assert json.loads(since.content)["message"] == "two"


async def test_a_line_that_is_being_written_is_not_sent(ann: Person, folder: Path) -> None:
    write(folder, record("one"))
    whole = content(folder / CART)
    with (folder / CART).open("ab") as file:
        file.write(b'{"message":')
    assert (await got(ann.api, CART)).content == whole
    (item,) = (await ann.api.get("logs/files")).json()["items"]
    assert item["size"] == len(whole)


async def test_a_file_may_be_empty(ann: Person, folder: Path) -> None:
    write(folder, record())
    (folder / CART).write_bytes(b"")
    answer = await got(ann.api, CART)
    assert (answer.status_code, answer.content) == (200, b"")


async def test_nothing_else_can_be_read(ann: Person, folder: Path) -> None:
    write(folder, record())
    (folder.parent / "secret").write_text("secret")
    (folder / "link.log").symlink_to(folder.parent / "secret")
    (folder / "folder").symlink_to(folder.parent)
    (folder / "shop" / "away").symlink_to("/etc/passwd")
    os.mkfifo(folder / "pipe")
    for path in (
        *("..%2F..%2Fetc%2Fpasswd", "%2E%2E/%2E%2E/etc/passwd", "%2Fetc%2Fpasswd", "shop/away"),
        *("shop%2F..%2F..%2Fsecret", "shop/", "shop", ".tidy.lock", ".live/x", "link.log", "pipe"),
        *("shop/%2E%2E/%2E%2E/secret", "shop%5C..%5C..%5Csecret", "shop/cart.log/", "x" * 900),
        *("folder/secret", "shop/cart.log%09", "shop//cart.log", "./shop/cart.log%2F.", "%2E"),
    ):
        answer = await ann.api.get(f"logs/files/{path}")
        assert answer.status_code == 404, path
        assert answer.headers["Content-Type"] == "application/problem+json"


@pytest.fixture
async def bound(ann: Person, anonymous: AsyncClient) -> AsyncIterator[AsyncClient]:
    """A program that may read one project."""
    token = {"name": "reader", "scopes": ["logs:read"], "project": "shop"}
    secret = (await ann.api.post("tokens", json=token)).json()["token"]
    anonymous.headers["Authorization"] = f"Bearer {secret}"
    yield anonymous
    del anonymous.headers["Authorization"]


async def test_a_token_of_a_project_reads_its_files_and_no_others(
    bound: AsyncClient, folder: Path
) -> None:
    for project in ("shop", "shop2", "blog"):
        write(folder, record(project=project))
    assert await listed(bound) == [CART]
    assert await listed(bound, prefix="shop") == [CART]
    assert await listed(bound, prefix="blog/") == []
    assert (await got(bound, CART)).status_code == 200
    for other in ("blog/cart.log", "shop2/cart.log", "none.log", "shop"):
        answer = await got(bound, other)
        assert answer.status_code == 403
        assert "shop" in answer.json()["detail"]
    assert (await bound.get("logs/files/shop%2F..%2Fblog%2Fcart.log")).status_code == 404


async def test_a_token_of_a_project_reads_no_files_that_hold_several(
    environment: pytest.MonkeyPatch, bound: AsyncClient, folder: Path
) -> None:
    environment.setenv("NOTILOG_LOGS__FILES__PATH", "{module}.log")
    schema.load()
    for path in ("logs/files", "logs/files/cart.log"):
        answer = await bound.get(path)
        assert answer.status_code == 403
        assert "several" in answer.json()["detail"]


async def test_nothing_is_there_while_the_connector_is_off(
    environment: pytest.MonkeyPatch, ann: Person, folder: Path
) -> None:
    write(folder, record(), now=NOW)
    environment.setenv("NOTILOG_LOGS__CONNECTORS", "[]")
    schema.load()
    assert await listed(ann.api) == []
    assert (await got(ann.api, CART)).status_code == 404
