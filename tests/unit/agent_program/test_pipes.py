"""Lines of a pipe: whole ones, long ones, and the last one without an end."""

import os
from collections.abc import Iterator

import pytest

from notilog.agent.program.pipes import PipeLines


@pytest.fixture
def pipe() -> Iterator[list[int]]:
    ends = list(os.pipe())
    yield ends
    for end in ends:
        if end >= 0:
            os.close(end)


def everything(lines: PipeLines) -> list[bytes]:
    found = []
    while (line := lines.take()) is not None:
        found.append(line)
    return found


def finish(pipe: list[int]) -> None:
    os.close(pipe[1])
    pipe[1] = -1


def test_it_never_waits(pipe: list[int]) -> None:
    lines = PipeLines(pipe[0])
    assert lines.take() is None
    os.write(pipe[1], b"one\r\ntw")
    assert everything(lines) == [b"one"]
    os.write(pipe[1], b"o\n\nthree")
    assert everything(lines) == [b"two", b""]
    assert not lines.is_over
    finish(pipe)
    assert everything(lines) == [b"three"]
    assert lines.is_over


def test_a_long_line_is_cut_and_its_rest_passed_over(pipe: list[int]) -> None:
    lines = PipeLines(pipe[0], longest=10)
    os.write(pipe[1], b"x" * 25)
    assert everything(lines) == [b"x" * 11]
    os.write(pipe[1], b"y" * 25)
    assert everything(lines) == []
    os.write(pipe[1], b"y\nnext\n" + b"z" * 30 + b"\nlast\n")
    assert everything(lines) == [b"next", b"z" * 11, b"last"]
    finish(pipe)
    assert everything(lines) == []
    assert lines.is_over
