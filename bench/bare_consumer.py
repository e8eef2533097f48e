"""A bare consumer of kombu, which does nothing with a message but acknowledge it.

A program of its own, so that it shares no interpreter with whoever measures it::

    python -m bench.bare_consumer URL MESSAGES PREFETCH

prints the seconds from the first message to the acknowledgement of the last one.
"""

import sys
from time import perf_counter

from kombu.connection import Connection
from kombu.entity import Exchange, Queue
from kombu.messaging import Consumer
from kombu.transport.base import Message

from notilog.logs.batch import EXCHANGE, QUEUE


def main(url: str, messages: int, prefetch: int) -> float:
    """Seconds for that many messages, each acknowledged by itself."""
    taken: list[float] = []

    def take(message: Message) -> None:
        message.ack()
        taken.append(perf_counter())

    with Connection(url) as connection:
        queue = Queue(exchange=Exchange(**EXCHANGE), **QUEUE)
        with Consumer(
            connection.default_channel, [queue], on_message=take, prefetch_count=prefetch
        ):
            while len(taken) < messages:
                connection.drain_events(timeout=60)
    return taken[-1] - taken[0]


if __name__ == "__main__":
    print(main(sys.argv[1], *map(int, sys.argv[2:])))
