"""What the bot says, in each language. Pure."""

from dataclasses import dataclass
from datetime import date, datetime


@dataclass(frozen=True, slots=True)
class Words:
    """Everything that the bot says in one language; ``commands`` are in the order of the menu."""

    weekdays: tuple[str, ...]
    months: tuple[str, ...]
    commands: dict[str, str]
    help: str
    strange: str
    linked: str
    bad_code: str
    stopped: str
    nothing: str
    all_day: str
    unnamed: str
    more: str
    too_many: str
    how_to_mute: str
    muted: str
    unmuted: str
    answers: dict[str, str]
    snoozed: str
    gone: str
    own: str
    foreign: str
    failed: str

    def day(self, of: date) -> str:
        return f"{self.weekdays[of.weekday()]} {of.day} {self.months[of.month - 1]}"

    def moment(self, local: datetime) -> str:
        return f"{self.day(local)}, {local:%H:%M}"

    @property
    def menu(self) -> str:
        lines = (f"/{name} — {does}" for name, does in self.commands.items())
        return "\n".join([self.help, "", *lines])


LANGUAGES: dict[str, Words] = {
    "en": Words(
        weekdays=(
            *("Monday", "Tuesday", "Wednesday", "Thursday", "Friday"),
            *("Saturday", "Sunday"),
        ),
        months=(
            *("January", "February", "March", "April", "May", "June", "July"),
            *("August", "September", "October", "November", "December"),
        ),
        commands={
            "today": "what today holds",
            "week": "the next seven days",
            "mute": "leave me alone for a while: /mute 2h",
            "unmute": "tell me everything again",
            "stop": "forget this chat",
            "help": "what I can do",
        },
        help="I remind you of events, and take your answers to invitations.",
        strange="I do not know whose chat this is. Get a code in NotiLog's settings, "
        "and send it to me: /start code",
        linked="This chat is now that of {login}. Your reminders come here.",
        bad_code="This code is not valid: it works once, and for 15 minutes. Get a new one.",
        stopped="I have forgotten this chat. You come back with a new code: /start code",
        nothing="nothing",
        all_day="all day",
        unnamed="busy",
        more="… and {count} more",
        too_many="Your calendar is too full to be told here.",
        how_to_mute="Say for how long: /mute 30m, /mute 2h, /mute 1d; 30 days at most.",
        muted="I am silent until {until}. To end it: /unmute",
        unmuted="You are told everything again.",
        answers={"yes": "You come", "maybe": "You may come", "no": "You do not come"},
        snoozed="I remind you again at {at}",
        gone="This is cancelled, or you are not asked to it any more.",
        own="It is your own event: you take part in it.",
        foreign="This button is not for this chat.",
        failed="Sorry, something went wrong here. Please try again later.",
    ),
    "ru": Words(
        weekdays=(
            *("понедельник", "вторник", "среда", "четверг", "пятница"),
            *("суббота", "воскресенье"),
        ),
        months=(
            *("января", "февраля", "марта", "апреля", "мая", "июня", "июля"),
            *("августа", "сентября", "октября", "ноября", "декабря"),
        ),
        commands={
            "today": "что сегодня",
            "week": "ближайшие семь дней",
            "mute": "не беспокоить: /mute 2h",
            "unmute": "снова сообщать обо всём",
            "stop": "забыть этот чат",
            "help": "что я умею",
        },
        help="Я напоминаю о событиях и принимаю ответы на приглашения.",
        strange="Я не знаю, чей это чат. Получите код в настройках NotiLog "
        "и пришлите его мне: /start код",
        linked="Теперь это чат пользователя {login}. Напоминания будут приходить сюда.",
        bad_code="Код не подходит: он действует один раз и 15 минут. Получите новый.",
        stopped="Этот чат забыт. Вернуться можно с новым кодом: /start код",
        nothing="ничего",
        all_day="весь день",
        unnamed="занято",
        more="… и ещё {count}",
        too_many="В календаре слишком много событий, чтобы перечислить их здесь.",
        how_to_mute="Скажите, на сколько: /mute 30m, /mute 2h, /mute 1d; не больше 30 дней.",
        muted="Молчу до: {until}. Прекратить раньше: /unmute",
        unmuted="Снова сообщаю обо всём.",
        answers={"yes": "Вы придёте", "maybe": "Возможно, вы придёте", "no": "Вы не придёте"},
        snoozed="Напомню ещё раз в {at}",
        gone="Событие отменено, или вас на него больше не приглашают.",
        own="Это ваше событие: вы в нём участвуете.",
        foreign="Эта кнопка не для этого чата.",
        failed="Простите, что-то пошло не так. Попробуйте ещё раз позже.",
    ),
}
DEFAULT = "en"


def words_of(language: str | None) -> Words:
    """The words of a language, such as ``ru`` or ``ru-RU``; English for what we do not speak."""
    return LANGUAGES.get((language or "").partition("-")[0].lower(), LANGUAGES[DEFAULT])
