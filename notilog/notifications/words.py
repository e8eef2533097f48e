"""What each language needs to name days and to explain messages. Pure."""

from dataclasses import dataclass
from datetime import datetime

Forms = tuple[str, str, str]
"""What is said of one, of few and of many."""


@dataclass(frozen=True, slots=True)
class AlertWords:
    """What is said of lines that a rule found; ``units`` are second, minute, hour and day."""

    matched: Forms
    more: Forms
    missing: Forms
    back: str
    units: tuple[str, str, str, str]

    def duration(self, seconds: float) -> str:
        """In the largest unit of which it is a whole number."""
        whole = round(seconds)
        sizes = zip((DAY, HOUR, MINUTE), reversed(self.units[1:]), strict=True)
        for size, unit in sizes:
            if whole and whole % size == 0:
                return f"{whole // size} {unit}"
        return f"{seconds:g} {self.units[0]}"


@dataclass(frozen=True, slots=True)
class Words:
    """The words of one language."""

    weekdays: tuple[str, ...]
    months: tuple[str, ...]
    all_day: str
    late: str
    tidings: dict[str, str]
    trial_title: str
    trial_text: str
    messages: Forms
    more: str
    alerts: AlertWords
    agents: dict[str, str]
    """What is said of an agent, or of a check of it."""
    incidents: dict[str, str]
    """What is said of an incident that is not new."""

    def moment(self, at: datetime) -> str:
        return f"{self.day(at)}, {at:%H:%M}"

    def day(self, at: datetime) -> str:
        return f"{self.weekdays[at.weekday()]} {at.day} {self.months[at.month - 1]} {at.year}"

    def counted(self, number: int) -> str:
        """So many messages."""
        return form_of(self.messages, number).format(number)


def form_of(forms: Forms, number: int) -> str:
    """The right form: 1, 21 and 101 have one, 2 to 4 another."""
    one, few, many = forms
    tens, ones = number // 10 % 10, number % 10
    if tens == 1:
        return many
    return one if ones == 1 else few if ones in FEW else many


FEW = range(2, 5)
MINUTE, HOUR, DAY = 60, 3600, 86400
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
        alerts=AlertWords(
            matched=("{count:,} lines within {within}",) * 3,
            more=("{count:,} more since {since}",) * 3,
            missing=("Fewer than {count:,} in {within}",) * 3,
            back="Lines come again",
            units=("s", "min", "h", "d"),
        ),
        agents={
            "offline": "The agent is not heard of; last heard {since}",
            "online": "The agent is back",
            "failing": "The check fails",
            "ok": "The check is well again",
        },
        incidents={
            "again": "Open since {since}, and nobody has acknowledged it; told {step} times",
            "resolved": "Resolved; it was open since {since}",
            "resolved_by": "Resolved by {by}; it was open since {since}",
            "quiet": "Resolved, since it did not occur again; it was open since {since}",
        },
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
        alerts=AlertWords(
            matched=(
                "{count} строка за {within}",
                "{count} строки за {within}",
                "{count} строк за {within}",
            ),
            more=(
                "Ещё {count} строка с {since}",
                "Ещё {count} строки с {since}",
                "Ещё {count} строк с {since}",
            ),
            missing=(
                "Меньше {count} строки за {within}",
                *("Меньше {count} строк за {within}",) * 2,
            ),
            back="Строки снова приходят",
            units=("с", "мин", "ч", "д"),
        ),
        agents={
            "offline": "Агент не отвечает; последний сигнал: {since}",
            "online": "Агент снова на связи",
            "failing": "Проверка не проходит",
            "ok": "Проверка снова проходит",
        },
        incidents={
            "again": "Открыт с {since}, и никто его не принял; сообщается {step}-й раз",
            "resolved": "Закрыт; был открыт с {since}",
            "resolved_by": "Закрыт ({by}); был открыт с {since}",
            "quiet": "Закрыт, так как больше не повторялся; был открыт с {since}",
        },
    ),
}
DEFAULT_LANGUAGE = "en"


def words_of(language: str) -> Words:
    return LANGUAGES.get(language, LANGUAGES[DEFAULT_LANGUAGE])
