"""The queues of the workers: one for each room, and one for each channel of deliveries."""

from typing import Final

from notilog.notifications.channels import CHANNELS


def queue_of(channel: str) -> str:
    """The queue of a channel, so that a channel can have workers of its own."""
    return f"deliveries.{channel}"


DELIVERIES: Final = ("deliveries", *map(queue_of, CHANNELS))
QUEUES: Final = ("general", *DELIVERIES, "logs", "observers")
