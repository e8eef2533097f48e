"""Beat's wake-up in a real worker: what nobody acknowledged is told again, and sent."""

from datetime import timedelta
from pathlib import Path

from sqlalchemy import select, update

from notilog import clock
from notilog.db.session import transaction
from notilog.incidents.tables import IncidentRow
from notilog.notifications.tables import DeliveryRow
from tests.integration.incidents.raising import occur, occurrence, person
from tests.integration.waiting import until
from tests.servers import worker as servers


async def test_it_is_told_again_and_forgotten_in_the_end(database: None, tmp_path: Path) -> None:
    ann = await person("ann")
    now = clock.now()
    await occur(
        occurrence(ann, at=now - timedelta(minutes=6)),
        occurrence(ann, key="agent:2", at=now - timedelta(days=2)),
    )
    async with transaction() as tx:
        old = {"state": "resolved", "resolved_at": now - timedelta(days=100)}
        await tx.execute(update(IncidentRow).where(IncidentRow.key == "agent:2").values(**old))

    async def is_told_and_forgotten() -> bool:
        async with transaction() as tx:
            keys = list(await tx.scalars(select(IncidentRow.key)))
            rows = (await tx.scalars(select(DeliveryRow).order_by(DeliveryRow.id))).all()
        said = [(row.content["said"], row.status) for row in rows]
        return keys == ["agent:1:check:db"] and said == [
            ("opened", "sent"),
            ("opened", "sent"),
            ("again", "sent"),
        ]

    app = servers.sender()
    for task in ("incidents.escalate", "incidents.escalate", "incidents.forget"):
        app.send_task(task)
    app.close()
    with servers.worker(tmp_path, "-Q", "general,deliveries,deliveries.log"):
        await until(is_told_and_forgotten)
