"""The commands that the bot knows, one file each; what they do says `notilog.bot.words`."""

from notilog.bot.asked import Command, personal
from notilog.bot.commands.days import today, week
from notilog.bot.commands.helping import explain
from notilog.bot.commands.muting import mute, unmute
from notilog.bot.commands.start import start
from notilog.bot.commands.stop import stop

COMMANDS: dict[str, Command] = {
    "start": start,
    "today": personal(today),
    "week": personal(week),
    "mute": personal(mute),
    "unmute": personal(unmute),
    "stop": personal(stop),
    "help": explain,
}
