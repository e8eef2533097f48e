"""Tables of the leases."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import BigInteger
from sqlalchemy.orm import Mapped, mapped_column

from notilog.db.base import Row


class LeaseRow(Row):
    """Who holds a name until when; ``fence`` grows with every holder."""

    __tablename__ = "leases"

    name: Mapped[str] = mapped_column(primary_key=True)
    holder: Mapped[UUID]
    fence: Mapped[int] = mapped_column(BigInteger)
    until: Mapped[datetime]
