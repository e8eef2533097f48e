"""The dead man's signal: a URL that is asked while all is well, and is silent when it is not.

A platform that is down can tell nobody. Somebody outside who expects this signal can.
"""

import structlog
from aiohttp import ClientError

from notilog import config
from notilog.errors import SendFailed
from notilog.health.settings import HealthSettings
from notilog.notifications.channels import outbound

log = structlog.get_logger(__name__)

GOOD = range(200, 300)


async def signal() -> bool:
    """Ask the URL once; whether it was heard. True without a URL."""
    settings = config.section(HealthSettings)
    if settings.dead_man_url is None:
        return True
    client = outbound.Client(settings)
    try:
        url = outbound.target(
            settings.dead_man_url.get_secret_value(), allow_private=settings.allow_private
        )
        async with client.session().get(url) as answer:
            if answer.status in GOOD:
                return True
            log.warning("dead_man_not_heard", status=answer.status)
    except (ClientError, SendFailed, OSError, TimeoutError) as error:
        # The address is a secret of whoever watches; errors of the library repeat it.
        log.warning("dead_man_not_heard", reason=type(error).__name__)
    finally:
        await client.close()
    return False
