"""What a button under a message of the bot says to it: an action and the delivery it is about."""

from base64 import urlsafe_b64decode, urlsafe_b64encode
from typing import Final
from uuid import UUID

from notilog.notifications.channels.channel import Action

# Buttons outlive the version that made them: a code keeps its meaning for ever.
CODES: Final[dict[Action, str]] = {
    "yes": "y",
    "maybe": "m",
    "no": "n",
    "snooze_10m": "s10m",
    "snooze_1h": "s1h",
}
ACTIONS: Final = {code: action for action, code in CODES.items()}
ID_LENGTH: Final = 22


def button_data(action: Action, delivery_id: UUID) -> str:
    """The action's code and the id in 22 characters; Telegram takes 64 bytes at most."""
    return f"{CODES[action]}:{urlsafe_b64encode(delivery_id.bytes).decode().rstrip('=')}"


def pressed(data: str) -> tuple[Action, UUID] | None:
    """What `button_data` was made from; None for anything that it does not make."""
    code, _, text = data.partition(":")
    action = ACTIONS.get(code)
    if action is None or len(text) != ID_LENGTH or not text.isascii():
        return None
    try:
        delivery_id = UUID(bytes=urlsafe_b64decode(text + "=="))
    except ValueError:
        return None
    return (action, delivery_id) if button_data(action, delivery_id) == data else None
