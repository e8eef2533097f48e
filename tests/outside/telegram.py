"""A Bot API server for one bot: keeps what the bot sends, and lets tests act as the people.

It answers with the JSON, the codes and the texts of api.telegram.org, over HTTP on loopback, to
form-encoded and JSON bodies alike.
"""

import asyncio
import json
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from itertools import count
from typing import Any

from aiohttp import web

from tests.outside.serving import serving
from tests.outside.telegram_html import parsed, units
from tests.outside.telegram_objects import commands_in, forgotten, message_object, person
from tests.outside.telegram_refusals import (
    CHAT_NOT_FOUND,
    NO_METHOD,
    UNAUTHORIZED,
    Refusal,
    Refused,
    bad_request,
)
from tests.outside.telegram_updates import Updates

TOKEN = "123456789:AAE-a_token_that_only_tests_know_00000"
# Parameters that hold JSON; in a form they are JSON as text.
NESTED = ("reply_markup", "link_preview_options", "allowed_updates", "commands", "entities")
MOST_CALLBACK_BYTES = 64
LONGEST_TEXT = 4096

Method = Callable[[dict[str, Any]], Awaitable[Any]]


@dataclass(frozen=True, slots=True)
class Call:
    """One request as it came; ``at`` is `time.monotonic`."""

    method: str
    params: dict[str, Any]
    at: float


@dataclass(slots=True)
class Sent:
    """A message of the bot: ``params`` as it was sent, the rest as it looks now."""

    message_id: int
    chat_id: int
    text: str
    entities: list[dict[str, Any]]
    markup: dict[str, Any] | None
    params: dict[str, Any]
    at: float
    edits: int = 0

    @property
    def buttons(self) -> list[list[tuple[str, str]]]:
        """Rows of buttons, each its label and its data."""
        rows = (self.markup or {}).get("inline_keyboard", [])
        return [[(one["text"], one.get("callback_data", "")) for one in row] for row in rows]

    def has_button(self, data: str) -> bool:
        return any(data == known for row in self.buttons for _, known in row)


@dataclass(slots=True)
class BotApi:
    """The server's memory. ``url`` is what stands in settings as the base URL."""

    token: str = TOKEN
    port: int = 0
    sent: list[Sent] = field(default_factory=list)
    calls: list[Call] = field(default_factory=list)
    answered: list[dict[str, Any]] = field(default_factory=list)
    """Parameters of each answerCallbackQuery."""
    commands: list[dict[str, str]] = field(default_factory=list)
    updates: Updates = field(default_factory=Updates)
    _scripts: list[tuple[str, int | None, Refusal]] = field(default_factory=list)
    _queries: set[str] = field(default_factory=set)
    _numbers: "count[int]" = field(default_factory=lambda: count(1))
    _stopping: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def _methods(self) -> dict[str, Method]:
        return {
            "getme": self._get_me,
            "sendmessage": self._send_message,
            "editmessagereplymarkup": self._edit_markup,
            "editmessagetext": self._edit_text,
            "answercallbackquery": self._answer_query,
            "setmycommands": self._set_commands,
            "deletewebhook": self._delete_webhook,
            "getupdates": self.updates.poll,
        }

    @property
    def bot(self) -> dict[str, Any]:
        """The bot as a User."""
        number = int(self.token.partition(":")[0])
        name = {"first_name": "NotiLog", "username": "notilog_test_bot"}
        return {"id": number, "is_bot": True, **name}

    def fail(
        self, refusal: Refusal, *, method: str = "sendMessage", chat_id: int | None = None
    ) -> None:
        """Answer the next call of the method, to the chat if one is named, with a refusal."""
        self._scripts.append((method, chat_id, refusal))

    def say(self, chat_id: int, text: str) -> int:
        """A person writes to the bot in their private chat; returns the update's id."""
        message = message_object(next(self._numbers), chat_id, text, author=person(chat_id))
        return self.updates.add("message", {**message, "entities": commands_in(text)})

    def press(self, chat_id: int, data: str, *, message: Sent | None = None) -> int:
        """A person presses a button, of the newest message that has it unless one is named."""
        candidates = [one for one in self.sent if one.chat_id == chat_id]
        with_it = [one for one in candidates if one.has_button(data)]
        newest = [*candidates, *with_it][-1:]
        chosen = message or (newest[0] if newest else None)
        query: dict[str, Any] = {
            "id": str(10**18 + next(self._numbers)),
            "from": person(chat_id),
            "chat_instance": str(chat_id * 7),
            "data": data,
            "message": self._as_message(chosen) if chosen else forgotten(chat_id),
        }
        self._queries.add(query["id"])
        return self.updates.add("callback_query", query)

    async def take(self, request: web.Request) -> web.StreamResponse:
        """Answer one request."""
        at = time.monotonic()
        params = await _params(request)
        if request.match_info["token"] != self.token:
            return UNAUTHORIZED.response()
        name = request.match_info["method"]
        self.calls.append(Call(name, params, at))
        try:
            await self._follow_script(name, params)
            method: Method = self._methods.get(name.lower(), _no_method)
            result = await method(params)
        except Refused as refused:
            return refused.refusal.response()
        return web.json_response({"ok": True, "result": result})

    def stop(self) -> None:
        """Let everything go that waits."""
        self._stopping.set()
        self.updates.stop()

    async def _follow_script(self, name: str, params: dict[str, Any]) -> None:
        for script in self._scripts:
            method, chat_id, refusal = script
            if method == name and chat_id in {None, _number(params.get("chat_id"))}:
                self._scripts.remove(script)
                if refusal.hang:
                    await self._stopping.wait()
                raise Refused(refusal)

    async def _get_me(self, _params: dict[str, Any]) -> dict[str, Any]:
        abilities = ("can_join_groups", "can_read_all_group_messages", "supports_inline_queries")
        return {**self.bot, **dict.fromkeys(abilities, False)}

    async def _send_message(self, params: dict[str, Any]) -> dict[str, Any]:
        chat_id = _number(params.get("chat_id"))
        if chat_id is None:
            raise Refused(CHAT_NOT_FOUND)
        text, entities = _checked(params)
        sent = Sent(
            message_id=next(self._numbers),
            chat_id=chat_id,
            text=text,
            entities=entities,
            markup=params.get("reply_markup"),
            params=params,
            at=time.monotonic(),
        )
        self.sent.append(sent)
        return self._as_message(sent)

    async def _edit_markup(self, params: dict[str, Any]) -> dict[str, Any]:
        return self._edit(params, shown=None)

    async def _edit_text(self, params: dict[str, Any]) -> dict[str, Any]:
        return self._edit(params, shown=_checked(params))

    def _edit(
        self, params: dict[str, Any], *, shown: tuple[str, list[dict[str, Any]]] | None
    ) -> dict[str, Any]:
        ids = (_number(params.get("chat_id")), _number(params.get("message_id")))
        found = [one for one in self.sent if (one.chat_id, one.message_id) == ids]
        if not found:
            raise Refused(bad_request("message to edit not found"))
        before = (found[0].text, found[0].entities, found[0].markup)
        after = (*(shown or before[:2]), params.get("reply_markup") or None)
        if after == before:
            raise Refused(
                bad_request(
                    "message is not modified: specified new message content and reply markup "
                    "are exactly the same as a current content and reply markup of the message"
                )
            )
        found[0].text, found[0].entities, found[0].markup = after
        found[0].edits += 1
        return self._as_message(found[0])

    async def _answer_query(self, params: dict[str, Any]) -> bool:
        query = str(params.get("callback_query_id"))
        if query not in self._queries:
            raise Refused(
                bad_request("query is too old and response timeout expired or query ID is invalid")
            )
        self._queries.remove(query)
        self.answered.append(params)
        return True

    async def _set_commands(self, params: dict[str, Any]) -> bool:
        self.commands = list(params["commands"])
        return True

    async def _delete_webhook(self, _params: dict[str, Any]) -> bool:
        return True

    def _as_message(self, sent: Sent) -> dict[str, Any]:
        message = message_object(sent.message_id, sent.chat_id, sent.text, author=self.bot)
        if sent.edits:
            message["edit_date"] = message["date"]
        if sent.entities:
            message["entities"] = sent.entities
        return {**message, "reply_markup": sent.markup} if sent.markup else message


@asynccontextmanager
async def bot_api(*, token: str = TOKEN, port: int = 0) -> AsyncIterator[BotApi]:
    """A running server on loopback; a port is named to come back where one was."""
    made = BotApi(token=token)
    async with serving({"/bot{token}/{method}": made.take}, port=port) as made.port:
        try:
            yield made
        finally:
            made.stop()


async def _no_method(_params: dict[str, Any]) -> None:
    raise Refused(NO_METHOD)


async def _params(request: web.Request) -> dict[str, Any]:
    if request.content_type == "application/json":
        given = await request.json()
    else:
        given = dict(await request.post())
    return {
        name: json.loads(value) if name in NESTED and isinstance(value, str) else value
        for name, value in given.items()
    }


def _checked(params: dict[str, Any]) -> tuple[str, list[dict[str, Any]]]:
    """Text and entities of a message, unless Telegram would not take it."""
    text, entities = str(params.get("text") or ""), params.get("entities") or []
    if params.get("parse_mode") == "HTML":
        text, entities = parsed(text)
    if not text.strip():
        raise Refused(bad_request("message text is empty"))
    if units(text) > LONGEST_TEXT:
        raise Refused(bad_request("message is too long"))
    for row in (params.get("reply_markup") or {}).get("inline_keyboard", []):
        if any(len(one.get("callback_data", "").encode()) > MOST_CALLBACK_BYTES for one in row):
            raise Refused(bad_request("BUTTON_DATA_INVALID"))
    return text, entities


def _number(value: object) -> int | None:
    try:
        return int(str(value))
    except ValueError:
        return None
