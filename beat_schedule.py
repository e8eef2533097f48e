"""What beat wakes, and how often: names and times only.

A tick is harmless when it runs twice, so several beats may run and none keeps a file. A tick that
waited longer than it takes to send several of its kind is dropped: the next one does the same.
"""

from typing import Any

MINUTE = 60.0
HOUR = 60 * MINUTE


def _every(seconds: float, task: str) -> dict[str, Any]:
    return {"task": task, "schedule": seconds, "options": {"expires": max(MINUTE, 2 * seconds)}}


beat_schedule: dict[str, dict[str, Any]] = {
    "claim due reminders": _every(5, "reminders.tick"),
    "find due deliveries": _every(5, "deliveries.sweep"),
    "give a sign of life": _every(10, "health.look"),
    "tell outside that all is well": _every(MINUTE, "health.dead_man"),
    "see to the observers": _every(5, "observers.reconcile"),
    "watch the agents": _every(5, "agents.watch"),
    "forget what is old of agents": _every(HOUR, "agents.forget"),
    "tell again of incidents": _every(5, "incidents.escalate"),
    "forget incidents that were resolved long ago": _every(HOUR, "incidents.forget"),
    "close voice sessions that nobody sees to": _every(MINUTE, "observers.close_voice_sessions"),
    "end what is old of voice channels": _every(HOUR, "observers.end_old_voice"),
    "listen to Telegram again": _every(10, "bot.reconcile"),
    "follow the rules of time zones": _every(HOUR, "calendar.follow_zone_rules"),
    "forget expired sessions and login attempts": _every(HOUR, "users.forget_expired"),
    "watch the alerts": _every(5, "logs.watch_alerts"),
    "tidy log files": _every(MINUTE, "logs.tidy_files"),
    "forget old log batches": _every(HOUR, "logs.forget_batches"),
    "make partitions ahead": _every(HOUR, "logs.make_partitions"),
    "index records for searches": _every(MINUTE, "logs.index"),
    "end records that are too old or too many": _every(10 * MINUTE, "logs.end_old_records"),
    "add up counts of records": _every(2 * MINUTE, "logs.merge_counts"),
    "give connectors what they could not take": _every(5, "logs.retry_connectors"),
}
