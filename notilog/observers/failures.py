"""Why an observer cannot go on."""

from notilog.errors import NotilogError


class Permanent(NotilogError):
    """Trying again is of no use before somebody changes something; the text says what is wrong."""


class Temporary(NotilogError):
    """It may work later; ``after`` is the least number of seconds to wait."""

    def __init__(self, message: str, *, after: float = 0.0) -> None:
        super().__init__(message)
        self.after = after
