"""Work that hangs: one thread, however often it is asked for."""

import threading

import pytest

from notilog.agent.program.threads import StillHangs, Threads


async def test_what_hangs_is_not_begun_again_until_it_has_ended() -> None:
    threads, let_go, begun = Threads(), threading.Event(), []

    def hang() -> int:
        begun.append(threading.current_thread())
        let_go.wait(20)
        return 1

    with pytest.raises(TimeoutError):
        await threads.run("a", hang, patience=0.05)
    for _ in range(3):
        with pytest.raises(StillHangs):
            await threads.run("a", hang, patience=0.05)
    assert await threads.run("b", lambda: 2, patience=10) == 2
    assert len(begun) == 1
    let_go.set()
    begun[0].join()
    assert await threads.run("a", hang, patience=10) == 1


async def test_what_it_raises_is_raised() -> None:
    threads = Threads()
    for _ in range(2):
        with pytest.raises(ZeroDivisionError):
            await threads.run("a", lambda: 1 // 0, patience=10)
