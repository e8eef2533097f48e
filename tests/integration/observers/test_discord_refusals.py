"""When a connection gives up, and how it ends."""

import asyncio
import logging
import threading

import pytest

from notilog.observers.discord.connection import Connection
from notilog.observers.failures import Permanent, Temporary
from tests.integration.observers.hearing import (
    HASTY,
    Told,
    at_once,
    connected_to,
    connection_to,
    hearing,
    so,
)
from tests.outside.discord import Discord
from tests.outside.discord_bots import Answer
from tests.outside.hanging import hanging_server

WRONG = "a.wrong.token-that-nobody-may-see"


async def test_a_wrong_token_is_for_good(server: Discord) -> None:
    """Fact 6: and it stands in no text."""
    made = Connection(
        WRONG, token_key="key", identify_turn=at_once, allow_private=True, api_base=server.api_base
    )
    with pytest.raises(Permanent, match="refuses the token") as refused:
        await made.run()
    assert WRONG not in f"{refused.value} {refused.value!r} {made!r} {vars(refused.value)}"
    assert not server.connections


@pytest.mark.parametrize("code", [4004, 4010, 4011, 4012, 4013, 4014])
async def test_some_closes_are_for_good(server: Discord, code: int) -> None:
    """Fact 6."""
    bot = server.make_bot()
    server.rules.answer_identify = code
    with pytest.raises(Permanent, match=f"close code {code}"):
        await connection_to(server, bot).run()
    assert len(server.connections) == 1


async def test_intents_that_are_not_allowed_are_for_good(server: Discord) -> None:
    bot = server.make_bot()
    server.rules.disallow_intents = True
    with pytest.raises(Permanent, match="allow them"):
        await connection_to(server, bot).run()


async def test_a_token_that_is_reset_later_is_for_good(server: Discord) -> None:
    bot = server.make_bot()
    told, running = await connected_to(server, bot)
    del server.bots[bot.token]
    server.drop_connections(4009)
    with pytest.raises(Permanent, match="refuses the token"):
        await running
    assert told.kinds[-1] == "disconnected"


async def test_a_server_that_is_away_is_for_a_while(server: Discord) -> None:
    """Fact 3: REST refused."""
    await server.down()
    with pytest.raises(Temporary, match="cannot be reached: ClientConnectorError"):
        await connection_to(server, server.make_bot()).run()


async def test_a_long_rate_limit_is_not_waited_for_but_told(server: Discord) -> None:
    server.limit_rate("/users/@me", retry_after=90)
    with pytest.raises(Temporary) as limited:
        await connection_to(server, server.make_bot()).run()
    assert limited.value.after == 90


async def test_a_short_rate_limit_is_waited_for(server: Discord) -> None:
    bot = server.make_bot()
    server.limit_rate("/users/@me", retry_after=0.01)
    server.limit_rate("/gateway/bot", retry_after=0.01, is_global=True)
    _, running = await connected_to(server, bot)
    await _cancelled(running)
    assert len(server.rest.requests) == 4


async def test_a_rate_limit_of_a_proxy_is_told(server: Discord) -> None:
    server.answer("/users/@me", Answer(429, {"message": "slow"}, {"Retry-After": "12"}))
    with pytest.raises(Temporary) as limited:
        await connection_to(server, server.make_bot()).run()
    assert limited.value.after == 12


async def test_no_session_is_begun_when_the_starts_of_the_day_are_used_up(
    server: Discord,
) -> None:
    """Fact 7: one more, and Discord resets the token."""
    bot = server.make_bot()
    bot.starts.remaining, bot.starts.reset_after = 0, 1234.0
    with pytest.raises(Temporary, match="used up") as refused:
        await connection_to(server, bot).run()
    assert refused.value.after == 1234.0
    assert not bot.identifies


async def test_each_identify_waits_for_its_turn(server: Discord) -> None:
    """Fact 7."""
    bot, asked, turn = server.make_bot(), list[tuple[str, int]](), asyncio.Event()
    bot.starts.max_concurrency = 16

    async def wait(key: str, max_concurrency: int) -> None:
        asked.append((key, max_concurrency))
        await turn.wait()

    made = Connection(
        bot.token,
        token_key="its key",
        identify_turn=wait,
        allow_private=True,
        api_base=server.api_base,
    )
    running = asyncio.create_task(made.run())
    await so(lambda: bool(asked))
    assert asked == [("its key", 16)]
    assert not bot.identifies
    turn.set()
    await so(lambda: bool(bot.identifies))
    await _cancelled(running)


@pytest.mark.parametrize("code", [4000, 4008, 4009, 1000])
async def test_a_gateway_that_closes_whatever_is_opened_is_left_alone(
    server: Discord, code: int
) -> None:
    """Fact 4: the library comes back hundreds of times a second."""
    bot = server.make_bot()
    server.make_guild(bot)
    server.rules.close_sessions = code
    with pytest.raises(Temporary, match=f"5 times in a row: closed with code {code}") as given_up:
        await connection_to(server, bot, pace=HASTY).run()
    assert given_up.value.after == HASTY.longest
    assert len(server.connections) <= 10


async def test_sessions_that_are_never_valid_are_not_asked_for_for_ever(server: Discord) -> None:
    """Fact 4."""
    bot = server.make_bot()
    server.rules.answer_identify = 9
    with pytest.raises(Temporary, match="5 times in a row: the session is not valid"):
        await connection_to(server, bot, pace=HASTY).run()
    assert len(bot.identifies) == 5


async def test_no_token_is_logged(server: Discord, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    bot = server.make_bot()
    told, running = await connected_to(server, bot)
    server.drop_connections()
    await told.heard("connected", 2)
    server.rules.answer_identify = 4004
    server.invalidate(resumable=False)
    with pytest.raises(Permanent):
        await running
    assert "gateway" in caplog.text
    assert bot.token not in caplog.text
    assert bot.token not in repr(running)


async def test_a_server_that_repeats_the_token_does_not_get_it_into_a_text(
    server: Discord,
) -> None:
    bot, told = server.make_bot(), Told()
    echo = Answer(403, {"message": f"not with {bot.token}", "code": 0})
    server.answer("/gateway/bot", *[echo] * 9)
    made = connection_to(server, bot, pace=HASTY)
    made.admit(told)
    with pytest.raises(Temporary, match="not with") as given_up:
        await made.run()
    server.answer("/users/@me", echo)
    with pytest.raises(Temporary, match="not with") as refused:
        await connection_to(server, bot).run()
    assert bot.token not in f"{given_up.value} {refused.value} {told.reasons}"


async def test_nothing_is_left_when_it_is_cancelled(server: Discord) -> None:
    """Fact 10."""
    bot, before = server.make_bot(), asyncio.all_tasks()
    _, running = await connected_to(server, bot)
    assert _keep_alive_threads() == 1
    await _cancelled(running)
    await _all_gone(server)
    await so(lambda: not server.gateway.sessions)
    assert {one for one in asyncio.all_tasks() - before if _is_ours(one)} == set()


async def test_a_server_that_reads_nothing_does_not_hold_it(server: Discord) -> None:
    """Fact 10: nobody answers the close frame."""
    bot = server.make_bot()
    _, running = await connected_to(server, bot)
    server.go_deaf()
    await _cancelled(running)
    await so(lambda: _keep_alive_threads() == 0)


async def test_a_second_cancellation_hurries_the_end(server: Discord) -> None:
    bot = server.make_bot()
    _, running = await connected_to(server, bot)
    server.go_deaf()
    running.cancel()
    await asyncio.sleep(0)
    await _cancelled(running)
    await so(lambda: _keep_alive_threads() == 0)


async def test_it_can_be_cancelled_while_it_reconnects(server: Discord) -> None:
    """Fact 10: in the library's loop a cancellation is lost."""
    bot = server.make_bot()
    told, running = await connected_to(server, bot)
    server.refuse_gateway()
    server.drop_connections(4000)
    await told.heard("disconnected", 3)
    await _cancelled(running)
    await _all_gone(server)


async def test_it_can_be_cancelled_while_it_waits_for_its_turn(server: Discord) -> None:
    bot, waiting = server.make_bot(), asyncio.Event()

    async def wait(_key: str, _max_concurrency: int) -> None:
        waiting.set()
        await asyncio.Event().wait()

    made = Connection(
        bot.token, token_key="key", identify_turn=wait, allow_private=True, api_base=server.api_base
    )
    running = asyncio.create_task(made.run())
    await waiting.wait()
    await _cancelled(running)
    await _all_gone(server)


async def test_it_can_be_cancelled_while_rest_does_not_answer() -> None:
    async with hanging_server() as port:
        base = f"http://127.0.0.1:{port}/api/v10"
        made = Connection(
            "a", token_key="key", identify_turn=at_once, allow_private=True, api_base=base
        )
        running = asyncio.create_task(made.run())
        await asyncio.sleep(0)
        await _cancelled(running)


async def test_it_can_be_cancelled_while_a_gateway_does_not_answer(server: Discord) -> None:
    bot = server.make_bot()
    async with hanging_server() as port:
        gateway = {"url": f"ws://127.0.0.1:{port}/", "session_start_limit": bot.starts.told}
        server.answer("/gateway/bot", Answer(200, gateway))
        running = asyncio.create_task(connection_to(server, bot).run())
        await so(lambda: len(server.rest.requests) == 2)
        await _cancelled(running)


async def _cancelled(running: "asyncio.Task[None]") -> None:
    running.cancel()
    async with asyncio.timeout(20):
        with pytest.raises(asyncio.CancelledError):
            await running


async def _all_gone(server: Discord) -> None:
    await so(lambda: not server.gateway.conversations)
    await so(lambda: _keep_alive_threads() == 0)


def _keep_alive_threads() -> int:
    return sum(one.name.startswith("keep-alive") for one in threading.enumerate())


def _is_ours(task: "asyncio.Task[object]") -> bool:
    return "discord.py" in task.get_name() or "Connection" in repr(task.get_coro())


async def test_a_gateway_with_a_private_address_is_refused(server: Discord) -> None:
    bot = server.make_bot()
    made = Connection(bot.token, token_key="key", identify_turn=at_once, api_base=server.api_base)
    with pytest.raises(Permanent, match="private address"):
        await made.run()
    assert server.connections == []
    assert bot.identifies == []


async def test_a_redirect_is_not_followed_anywhere(server: Discord) -> None:
    bot = server.make_bot()
    elsewhere = {"Location": f"{server.api_base}/users/@me"}
    server.answer("/users/@me", Answer(302, {}, elsewhere))
    made = Connection(
        bot.token,
        token_key="key",
        identify_turn=at_once,
        api_base=server.api_base,
        allow_private=True,
    )
    with pytest.raises(Permanent, match="redirects"):
        await made.run()
    assert [request.path for request in server.rest.requests] == ["/users/@me"]


async def test_json_is_read_whatever_else_its_header_says(server: Discord) -> None:
    """Fact 12 is of the library; servers that speak the protocol add a charset."""
    bot = server.make_bot()
    told = {"Content-Type": "application/json; charset=utf-8"}
    starts = {"shards": 1, "session_start_limit": bot.starts.told}
    gateway = {"url": f"ws://127.0.0.1:{server.port}/gateway", **starts}
    server.answer("/gateway/bot", Answer(200, gateway, told))
    async with hearing(server, bot) as heard:
        await so(lambda: "connected" in heard.kinds)
