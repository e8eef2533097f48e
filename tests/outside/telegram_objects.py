"""People, chats and messages as the Bot API writes them."""

import time
from typing import Any


def message_object(
    number: int, chat_id: int, text: str, *, author: dict[str, Any]
) -> dict[str, Any]:
    return {
        "message_id": number,
        "from": author,
        "chat": chat(chat_id),
        "date": int(time.time()),
        "text": text,
    }


def person(chat_id: int) -> dict[str, Any]:
    """The person whose private chat has this id, which is theirs too."""
    return {"id": chat_id, "is_bot": False, "first_name": f"Person {chat_id}"}


def chat(chat_id: int) -> dict[str, Any]:
    if chat_id < 0:
        return {"id": chat_id, "title": f"Group {-chat_id}", "type": "supergroup"}
    return {"id": chat_id, "first_name": f"Person {chat_id}", "type": "private"}


def forgotten(chat_id: int) -> dict[str, Any]:
    """A message that the bot can see no more."""
    return {"chat": chat(chat_id), "message_id": 1, "date": 0}


def commands_in(text: str) -> list[dict[str, Any]]:
    first = text.partition(" ")[0]
    return [{"type": "bot_command", "offset": 0, "length": len(first)}] * text.startswith("/")
