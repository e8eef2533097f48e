"""Where somebody is reached who chose nothing."""

from notilog.notifications.channels import is_configured
from notilog.users.tables import UserRow


def usual_channel(person: UserRow) -> str:
    """The best channel that is set up here and has an address of theirs."""
    if person.telegram_chat_id is not None and is_configured("telegram"):
        return "telegram"
    return "email" if person.email is not None and is_configured("email") else "log"
