"""What becomes of records by what a server answers, and of a program that meanwhile goes on."""

import logging
import os
import threading
from pathlib import Path
from typing import Any

import pytest

from tests.integration.agent.answering import Answer, Server, answering
from tests.integration.agent.conftest import TOKEN, Making, making
from tests.outside.certificates import server_context
from tests.servers.process import wait_until

AT_ONCE = {"Retry-After": "0"}


class Broken:
    """An object whose texts cannot be made."""

    def __str__(self) -> str:
        raise RuntimeError(TOKEN)

    __repr__ = __str__


def files(folder: Path) -> list[Path]:
    return sorted(folder.glob("*/*.gz"))


@pytest.fixture(params=["memory", "spool"])
def kept(request: pytest.FixtureRequest, tmp_path: Path) -> dict[str, Any]:
    """The option that says where batches are kept."""
    return {"spool": tmp_path / "spool"} if request.param == "spool" else {}


def test_batches_are_sent_over_one_connection_with_their_key(
    server: Server, make: Making, kept: dict[str, Any]
) -> None:
    handler, logger = make(**kept)
    for text in ("first", "second"):
        logger.info(text)
        assert handler.flush(10)
    assert server.messages == ["first", "second"]
    first, second = server.requests
    assert first.connection == second.connection
    assert first.key != second.key
    assert first.path == "/api/v1/logs"
    assert first.headers["Authorization"] == f"Bearer {TOKEN}"


@pytest.mark.parametrize("status", [401, 403, 404, 429, 500, 503, 307, 200])
def test_what_is_not_accepted_is_kept_and_sent_again_under_its_key(
    server: Server, make: Making, kept: dict[str, Any], *, status: int
) -> None:
    server.answers = [Answer(status, headers=AT_ONCE)]
    handler, logger = make(**kept)
    logger.info("once")
    assert handler.flush(10)
    first, second = server.requests
    assert (first.key, first.records) == (second.key, second.records)
    assert handler.dropped == 0


@pytest.mark.parametrize("status", [400, 413, 422])
def test_what_can_never_be_stored_is_dropped_counted_and_told(
    server: Server,
    make: Making,
    kept: dict[str, Any],
    capsys: pytest.CaptureFixture[str],
    *,
    status: int,
) -> None:
    server.answers = [Answer(status, b'{"detail": "not like this, %s"}' % TOKEN.encode())]
    handler, logger = make(**kept)
    logger.info("bad")
    assert handler.flush(10)
    assert handler.dropped == 1
    logger.info("good")
    assert handler.flush(10)
    assert server.messages == ["bad", "good", "1 records were dropped"]
    told = capsys.readouterr().err
    assert f"1 records were refused: the server answered {status}: not like this, ***" in told
    assert TOKEN not in told


def test_a_batch_that_is_too_large_is_sent_in_halves_under_keys_of_their_own(
    server: Server, make: Making, kept: dict[str, Any]
) -> None:
    too_large, later = Answer(413), Answer(503, headers=AT_ONCE)
    server.answers = [too_large, too_large, Answer(), later, too_large, too_large]
    handler, logger = make(batch_records=4, batch_seconds=10, **kept)
    for text in "abcd":
        logger.info(text)
    assert handler.flush(10)
    pieces = ["".join(record["message"] for record in one.records) for one in server.requests]
    assert pieces == ["abcd", "ab", "a", "b", "abcd", "ab", "a", "b", "cd"]
    keys = dict[str, set[str]]()
    for piece, request in zip(pieces, server.requests, strict=True):
        keys.setdefault(piece, set()).add(request.key)
    assert all(len(of_piece) == 1 for of_piece in keys.values())
    assert len(set.union(*keys.values())) == len(keys)
    assert handler.dropped == 0


def test_what_is_sent_again_is_counted_once(
    server: Server, make: Making, kept: dict[str, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    too_large, later = Answer(413), Answer(502, headers=AT_ONCE)
    server.answers = [too_large, too_large, later] * 3 + [too_large, too_large]
    handler, logger = make(batch_records=2, batch_seconds=10, **kept)
    logger.info("refused")
    logger.info("taken")
    assert handler.flush(10)
    assert handler.dropped == 1
    assert capsys.readouterr().err.count("1 records were refused") == 1


def test_a_connection_that_the_server_closed_is_made_again_at_once(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with answering() as server, making(server.url) as make:
        handler, logger = make()
        logger.info("before")
        assert handler.flush(10)
        server.stop()
        with answering(port=server.port) as again:
            logger.info("after")
            assert handler.flush(10)
            assert again.messages == ["after"]
    assert capsys.readouterr().err == ""


def test_certificates_are_verified(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    context, trusted = server_context(tmp_path)
    with answering(tls=context) as server, making(server.url) as make:
        handler, logger = make()
        logger.info("not to a stranger")
        wait_until(lambda: "CERTIFICATE_VERIFY_FAILED" in capsys.readouterr().err, "the refusal")
        assert server.requests == []
        monkeypatch.setenv("SSL_CERT_FILE", str(trusted))
        assert handler.flush(10)
        assert server.messages == ["not to a stranger"]


def test_rejected_records_are_counted(server: Server, make: Making) -> None:
    server.answers = [
        Answer(body=b'{"rejected": [{"index": 0, "reason": "no"}]}'),
        Answer(body=b""),
    ]
    handler, logger = make()
    for text in ("rejected", "stored"):
        logger.info(text)
        assert handler.flush(10)
    assert (handler.rejected, handler.dropped) == (1, 0)


def test_a_pause_that_the_server_asks_for_is_kept_to(server: Server, make: Making) -> None:
    server.otherwise = Answer(429, headers={"Retry-After": "3600"})
    handler, logger = make()
    logger.info("asked")
    wait_until(lambda: len(server.requests) == 1, "the first try")
    logger.info("waits")
    assert not handler.flush(0)
    server.otherwise = Answer()
    assert handler.flush(10)  # whoever flushes does not wait an hour
    assert len(server.requests) == 3


def test_oldest_batches_leave_first(server: Server, make: Making, tmp_path: Path) -> None:
    server.otherwise = Answer(503)
    handler, logger = make(spool=tmp_path)
    for number in range(5):
        logger.info("%d", number)
        wait_until(lambda: len(files(tmp_path)) == number + 1, "the spool")  # noqa: B023
    server.otherwise = Answer()
    server.requests.clear()
    assert handler.flush(10)
    assert [text for text in server.messages if text != "0"] == ["1", "2", "3", "4"]
    assert files(tmp_path) == []


def test_a_flood_is_dropped_counted_and_told(server: Server, make: Making) -> None:
    hanging = threading.Event()
    server.answers = [Answer(hang=hanging)]
    handler, logger = make(queue_records=100, batch_records=10)
    for number in range(1000):
        logger.info("%d", number)
    assert handler.dropped >= 1000 - 100 - 3 * 10
    hanging.set()
    assert handler.flush(10)
    told = [text for text in server.messages if text.endswith("records were dropped")]
    assert sum(int(text.split()[0]) for text in told) == handler.dropped
    assert len(server.messages) - len(told) == 1000 - handler.dropped


def test_a_server_that_hangs_keeps_no_record_from_the_disk(
    server: Server, make: Making, tmp_path: Path
) -> None:
    hanging = threading.Event()
    server.answers = [Answer(hang=hanging)]
    _, logger = make(spool=tmp_path)
    logger.info("hangs")
    wait_until(lambda: len(server.requests) == 1, "the first try")
    logger.info("meanwhile")
    wait_until(lambda: len(files(tmp_path)) == 2, "the spool")
    hanging.set()


def test_a_spool_that_cannot_be_written_is_replaced_by_memory(
    server: Server, make: Making, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    spool = tmp_path / "spool"
    handler, logger = make(spool=spool)
    (folder,) = spool.iterdir()
    folder.rmdir()
    folder.write_text("in the way")
    logger.info("anyway")
    assert handler.flush(10)
    assert server.messages == ["anyway"]
    assert "the spool cannot be written" in capsys.readouterr().err


def test_nothing_that_is_logged_breaks_the_program(server: Server, make: Making) -> None:
    handler, logger = make()
    logger.info(Broken())
    logger.info("%s", Broken(), extra={"broken": Broken()})
    assert handler.flush(10)
    assert len(server.messages) == 2
    handler.handle(logging.makeLogRecord({"levelno": "not a number", "msg": "x"}))
    assert handler.dropped == 1


def test_a_handler_that_is_closed_still_keeps_what_comes_late(
    server: Server, make: Making, tmp_path: Path
) -> None:
    handler, logger = make(spool=tmp_path)
    handler.close()
    logger.info("late")
    assert len(files(tmp_path)) == 1
    next_one, logger = make(spool=tmp_path)
    logger.info("next")
    assert next_one.flush(10)
    wait_until(lambda: sorted(server.messages) == ["late", "next"], "both")
    without, logger = make()
    without.close()
    logger.info("lost")
    assert without.dropped == 1


def test_two_that_share_a_spool_send_nothing_twice(
    server: Server, make: Making, tmp_path: Path
) -> None:
    pairs = [make(spool=tmp_path, batch_records=5) for _ in range(3)]
    for number in range(200):
        for _, logger in pairs:
            logger.info("%d", number)
    assert all(handler.flush(20) for handler, _ in pairs)
    wait_until(lambda: len(server.messages) >= 600, "the last answer")
    assert len(server.messages) == 600
    assert len({request.key for request in server.requests}) == len(server.requests)


def test_another_project_has_another_folder(server: Server, make: Making, tmp_path: Path) -> None:
    server.otherwise = Answer(503)
    for project in ("shop", "blog"):
        _, logger = make(spool=tmp_path, project=project)
        logger.info("kept")
    wait_until(lambda: len(files(tmp_path)) == 2, "the spool")
    assert {path.parent.name.partition("-")[0] for path in files(tmp_path)} == {"shop", "blog"}


def test_a_token_in_a_file_may_come_late_and_change(
    server: Server, make: Making, tmp_path: Path
) -> None:
    token = tmp_path / "token"
    handler, logger = make(token=None, token_file=token)
    logger.info("early")
    assert not handler.flush(0)
    for text in ("first", "second"):
        token.write_text(f"{text}\n")
        logger.info(text)
        assert handler.flush(10)
    tokens = [request.headers["Authorization"] for request in server.requests]
    assert (tokens[0], tokens[-1]) == ("Bearer first", "Bearer second")


@pytest.mark.filterwarnings("ignore:.*use of fork:DeprecationWarning")
def test_a_forked_child_sends_its_own_records_alone(server: Server, make: Making) -> None:
    hanging = threading.Event()
    server.answers = [Answer(hang=hanging)]
    handler, logger = make(queue_records=1)
    logger.info("the parent's")
    wait_until(lambda: len(server.requests) == 1, "the first try")
    logger.info("waits")
    child = os.fork()
    if not child:
        logger.info("the child's")
        os._exit(0 if handler.flush(10) and not handler.dropped else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    hanging.set()
    assert handler.flush(10)
    assert sorted(server.messages) == ["the child's", "the parent's", "waits"]
