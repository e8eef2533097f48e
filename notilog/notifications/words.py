"""What each language needs to name days and to explain messages. Pure."""

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class Words:
    """The words of one language; ``messages`` has the forms for one, few and many."""

    weekdays: tuple[str, ...]
    months: tuple[str, ...]
    all_day: str
    late: str
    tidings: dict[str, str]
    trial_title: str
    trial_text: str
    messages: tuple[str, str, str]
    more: str

    def moment(self, at: datetime) -> str:
        return f"{self.day(at)}, {at:%H:%M}"

    def day(self, at: datetime) -> str:
        return f"{self.weekdays[at.weekday()]} {at.day} {self.months[at.month - 1]} {at.year}"

    def counted(self, number: int) -> str:
        """So many messages, in the right form: 1, 21 and 101 have one, 2 to 4 another."""
        one, few, many = self.messages
        tens, ones = number // 10 % 10, number % 10
        if tens == 1:
            return many.format(number)
        return (one if ones == 1 else few if ones in FEW else many).format(number)


FEW = range(2, 5)
LANGUAGES: dict[str, Words] = {
    "en": Words(
        weekdays=("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"),
        months=(
            *("Jan", "Feb", "Mar", "Apr", "May", "Jun"),
            *("Jul", "Aug", "Sep", "Oct", "Nov", "Dec"),
        ),
        all_day="all day",
        late="This reminder is late: it was due at {due}.",
        tidings={
            "invitation": "{author} invites you",
            "update": "Changed by {author}",
            "cancellation": "Cancelled by {author}",
        },
        trial_title="A test message from NotiLog",
        trial_text="If you can read this, the channel works.",
        # The messages of a digest are two at least, so English needs no singular.
        messages=("{} messages", "{} messages", "{} messages"),
        more="… and {} more",
    ),
    "ru": Words(
        weekdays=("Пн", "Вт", "Ср", "Чт", "Пт", "Сб", "Вс"),
        months=(
            *("янв.", "февр.", "марта", "апр.", "мая", "июня"),
            *("июля", "авг.", "сент.", "окт.", "нояб.", "дек."),
        ),
        all_day="весь день",
        late="Напоминание опоздало: оно должно было прийти {due}.",
        tidings={
            "invitation": "{author} приглашает вас",
            "update": "Изменено ({author})",
            "cancellation": "Отменено ({author})",
        },
        trial_title="Проверочное сообщение NotiLog",
        trial_text="Если вы это читаете, канал работает.",
        messages=("{} сообщение", "{} сообщения", "{} сообщений"),
        more="… и ещё {}",
    ),
}
DEFAULT_LANGUAGE = "en"


def words_of(language: str) -> Words:
    return LANGUAGES.get(language, LANGUAGES[DEFAULT_LANGUAGE])
