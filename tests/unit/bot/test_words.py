"""The bot speaks every language in full, and of each command that it knows."""

from dataclasses import fields
from string import Formatter

import pytest

from notilog.bot.commands import COMMANDS
from notilog.bot.words import LANGUAGES, Words, words_of

NO_MENU = {"start"}
"""Telegram itself offers this one."""


def holes(said: object) -> object:
    """What must be the same in every language: names to fill in, keys, and how many words."""
    if isinstance(said, str):
        return {name for _, name, _, _ in Formatter().parse(said) if name}
    if isinstance(said, dict):
        return {key: holes(text) for key, text in said.items()}
    return len(said) if isinstance(said, tuple) else said


@pytest.mark.parametrize("words", LANGUAGES.values(), ids=list(LANGUAGES))
def test_every_language_says_everything(words: Words) -> None:
    assert set(words.commands) == set(COMMANDS) - NO_MENU
    assert (len(words.weekdays), len(words.months)) == (7, 12)
    for field in fields(Words):
        said = getattr(words, field.name)
        assert said
        assert holes(said) == holes(getattr(LANGUAGES["en"], field.name)), field.name


@pytest.mark.parametrize(
    ("language", "spoken"),
    [("ru", "ru"), ("ru-RU", "ru"), ("RU", "ru"), ("en-GB", "en"), ("de", "en"), (None, "en")],
)
def test_who_speaks_none_of_them_is_answered_in_english(language: str | None, spoken: str) -> None:
    assert words_of(language) is LANGUAGES[spoken]
