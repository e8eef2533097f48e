"""The linking of a Telegram chat as the API shows it."""

from datetime import datetime

from pydantic import BaseModel, Field

from notilog.bot.linking import Offer


class LinkAnswer(BaseModel):
    """A code, told only here; sent to the bot from a private chat it makes that chat yours."""

    code: str = Field(examples=["2GJ1cQ6TLh0jQXl1gqkU7w"])
    command: str = Field(
        examples=["/start 2GJ1cQ6TLh0jQXl1gqkU7w"], description="what to send to the bot"
    )
    url: str | None = Field(
        examples=["https://t.me/notilog_bot?start=2GJ1cQ6TLh0jQXl1gqkU7w"],
        description="opens the bot and sends it; null as long as the bot has never run",
    )
    expires_at: datetime

    @classmethod
    def of(cls, offer: Offer) -> "LinkAnswer":
        name, code = offer.username, offer.code
        return cls(
            code=code,
            command=f"/start {code}",
            url=f"https://t.me/{name}?start={code}" if name else None,
            expires_at=offer.expires_at,
        )
