"""What a message of the bot says, and what its buttons say back."""

from datetime import UTC, datetime
from typing import Any, get_args
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from notilog.notifications.channels.channel import Action, Message
from notilog.notifications.channels.telegram import LABELS, ROWS, Config
from notilog.notifications.channels.telegram_buttons import CODES, button_data, pressed
from notilog.notifications.channels.telegram_text import LONGEST, fitting

ID = UUID("0197a0a0-0000-7000-8000-00000000002a")
ACTIONS = get_args(Action)
# A character that Telegram counts as two.
BELL = "\U0001f514"


def message(**changes: Any) -> Message:
    fields = {"title": "Title", "text": "Text\n", "html": "", "language": "en", **changes}
    return Message(
        id=ID, kind="reminder", due_at=datetime(2026, 6, 1, tzinfo=UTC), data={}, **fields
    )


def units(text: str) -> int:
    return len(text.encode("utf-16-le")) // 2


def test_every_action_has_a_code_a_place_and_a_label() -> None:
    assert set(CODES) == set(ACTIONS) == {action for row in ROWS for action in row}
    assert len(set(CODES.values())) == len(CODES)
    assert all(set(labels) == set(ACTIONS) for labels in LABELS.values())


@given(st.sampled_from(ACTIONS), st.uuids())
def test_a_button_says_what_it_was_made_from(action: Action, delivery_id: UUID) -> None:
    data = button_data(action, delivery_id)
    assert pressed(data) == (action, delivery_id)
    assert len(data.encode()) <= 64
    assert len(data.partition(":")[2]) == 22


def test_the_data_of_buttons_in_old_chats_stays_readable() -> None:
    assert button_data("yes", ID) == "y:AZegoAAAcACAAAAAAAAAKg"
    assert pressed("s10m:AZegoAAAcACAAAAAAAAAKg") == ("snooze_10m", ID)


@pytest.mark.parametrize(
    "data",
    [
        *("", ":", "y", "y:", "q:AZegoAAAcACAAAAAAAAAKg", "AZegoAAAcACAAAAAAAAAKg"),
        *("y:AZegoAAAcACAAAAAAAAAK", "y:AZegoAAAcACAAAAAAAAAKgA", "y:AZegoAAAcACAAAAAAAAAK="),
        *("y:AZegoAAAcACAAAAAAAAAKh", "y:ЖZegoAAAcACAAAAAAAAAKg", "y:!!!!!!!!!!!!!!!!!!!!!!"),
        *("yes:AZegoAAAcACAAAAAAAAAKg", "y:AZegoAAAcACAAAAAAAAAKg:"),
    ],
)
def test_other_data_means_nothing(data: str) -> None:
    assert pressed(data) is None


@given(st.text(max_size=60))
def test_no_data_breaks_the_bot(data: str) -> None:
    found = pressed(data)
    assert found is None or button_data(*found) == data


def test_markup_is_sent_when_it_fits() -> None:
    assert fitting(message(html="<b>A</b> &amp; b")) == ("<b>A</b> &amp; b", True)
    long = f"<b>{'&lt;' * LONGEST}</b>"
    assert fitting(message(html=long)) == (long, True)


@pytest.mark.parametrize("html", ["", f"<b>{'a' * (LONGEST + 1)}</b>", BELL * 2049])
def test_text_is_sent_without_markup_else(html: str) -> None:
    assert fitting(message(html=html)) == ("Text", False)


def test_a_message_without_text_is_its_title() -> None:
    assert fitting(message(text=" \n")) == ("Title", False)


@given(st.integers(0, 3), st.integers(2040, 2060), st.text(max_size=3))
def test_a_long_text_is_cut_between_characters(before: int, bells: int, after: str) -> None:
    text = f"{'a' * before}{BELL * bells}.{after.strip()}"
    shown, _ = fitting(message(text=text))
    if units(text) <= LONGEST:
        assert shown == text
    else:
        assert shown.endswith("…")
        assert text.startswith(shown[:-1])
        assert LONGEST - 1 <= units(shown) <= LONGEST


@pytest.mark.parametrize("token", ["secret", "12:a/b", "12:", ":abc", "12:abc\n", "12:ключ"])
def test_a_token_that_is_none_is_refused_and_not_shown(token: str) -> None:
    with pytest.raises(ValidationError, match="must be a number, a colon") as caught:
        Config.model_validate({"token": token})
    assert all(token not in detail["msg"] for detail in caught.value.errors())


@pytest.mark.parametrize("url", ["api.telegram.org", "ftp://a", "http://", "http://a/?b"])
def test_the_base_url_is_one_of_a_server(url: str) -> None:
    with pytest.raises(ValidationError, match="must be a URL"):
        Config.model_validate({"base_url": url})


def test_the_base_url_may_have_a_path() -> None:
    assert Config.model_validate({"base_url": "http://a:1/api/"}).base_url == "http://a:1/api"
