"""Tables of the observers."""

from sqlalchemy.orm import Mapped

from notilog.db.base import Id, Row


class ObserverRow(Row):
    """An observer."""

    __tablename__ = "observers"

    id: Mapped[Id]
    name: Mapped[str]
