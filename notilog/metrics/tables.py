"""Tables of the metrics."""

from sqlalchemy.orm import Mapped, mapped_column

from notilog.db.base import Row


class MetricRow(Row):
    """One sample that only grows; ``labels`` are their values, a JSON array."""

    __tablename__ = "metrics"

    name: Mapped[str] = mapped_column(primary_key=True)
    labels: Mapped[str] = mapped_column(primary_key=True)
    value: Mapped[float]
