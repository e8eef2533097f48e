"""The SQL of the statistics: sessions clipped to a window, in one question each."""

from typing import Final

from sqlalchemy import TextClause, text

_CLIPPED: Final = """
    clipped AS (
        SELECT session.id, session.member_id, session.channel_id,
               greatest(session.started_at, :since) AS start,
               least(:until, coalesce(session.ended_at, CASE
                   WHEN session.last_seen_at >= :fresh THEN greatest(:now, session.last_seen_at)
                   ELSE session.last_seen_at END)) AS finish
        FROM voice_sessions AS session
        WHERE session.observer_id = :observer AND session.started_at < :until
          AND (session.ended_at > :since OR session.ended_at IS NULL) {conditions}
    )
"""
_WHOLE: Final = (
    "spans AS (SELECT id, member_id, channel_id, start, finish FROM clipped WHERE start < finish)"
)
_IN_PARTS: Final = """
    silent AS (
        SELECT id, range_agg(tstzrange(interval.started_at, interval.ended_at)) AS times
        FROM clipped JOIN (
            SELECT voice_session_id, started_at, coalesce(ended_at, 'infinity') AS ended_at
            FROM voice_intervals WHERE kind = ANY (CAST(:silent AS text[]))
        ) AS interval ON voice_session_id = id
        WHERE start < finish GROUP BY id
    ), spans AS (
        SELECT id, member_id, channel_id, lower(part) AS start, upper(part) AS finish
        FROM clipped JOIN silent USING (id) CROSS JOIN LATERAL unnest(
            tstzmultirange(tstzrange(start, greatest(start, finish))) - times) AS part
        UNION ALL
        SELECT id, member_id, channel_id, start, finish
        FROM clipped LEFT JOIN silent USING (id) WHERE times IS NULL AND start < finish
    )
"""
"""What is left of each session without the times of some flags, which may overlap."""
_CONDITIONS: Final = {
    "guild": "AND session.guild_id = :guild",
    "channel": "AND session.channel_id = :channel",
    "member": "AND session.member_id = :member",
    "afk": """
        AND NOT EXISTS (
            SELECT FROM voice_channels AS channel WHERE channel.observer_id = session.observer_id
              AND channel.channel_id = session.channel_id AND channel.is_afk)
    """,
    "bots": """
        AND NOT EXISTS (
            SELECT FROM voice_members AS member WHERE member.observer_id = session.observer_id
              AND member.member_id = session.member_id AND member.guild_id = session.guild_id
              AND member.is_bot)
    """,
}
_SECONDS: Final = "CAST(extract(epoch FROM sum({})) AS float8) AS seconds"
_TOTALS: Final = f"""
    totals AS (
        SELECT {{key}}, {_SECONDS.format("finish - start")}, count(DISTINCT id) AS sessions
        FROM spans GROUP BY {{key}} ORDER BY seconds DESC, {{key}} LIMIT :most
    )
"""  # noqa: S608  names of our own columns
BY_MEMBER: Final = f"""
    , {_TOTALS.format(key="member_id")}
    SELECT totals.member_id, seconds, sessions, name, display_name, is_bot
    FROM totals LEFT JOIN LATERAL (
        SELECT name, display_name, is_bot FROM voice_members AS member
        WHERE member.observer_id = :observer AND member.member_id = totals.member_id
          AND (CAST(:of_guild AS bigint) IS NULL OR member.guild_id = :of_guild)
        ORDER BY seen_at DESC LIMIT 1
    ) AS names ON true ORDER BY seconds DESC, totals.member_id
"""  # noqa: S608  names of our own columns
BY_CHANNEL: Final = f"""
    , {_TOTALS.format(key="channel_id")}
    SELECT totals.channel_id, seconds, sessions, name, is_afk, deleted_at
    FROM totals LEFT JOIN voice_channels AS channel
      ON channel.observer_id = :observer AND channel.channel_id = totals.channel_id
    ORDER BY seconds DESC, totals.channel_id
"""  # noqa: S608  names of our own columns
_STEPS: Final = """
    , steps AS (
        SELECT step, sum(least(finish, step + :step) - greatest(start, step)) AS length
        FROM spans CROSS JOIN LATERAL generate_series(
            date_bin(:step, start, :epoch), finish - interval '1 microsecond', :step) AS step
        GROUP BY step
    ), local AS (SELECT step, step AT TIME ZONE :zone AS at, length FROM steps)
"""
BY_HOUR: Final = f"""
    {_STEPS}
    SELECT step - make_interval(mins => CAST(extract(minute FROM at) AS int)) AS start,
           {_SECONDS.format("length")}
    FROM local GROUP BY 1 ORDER BY 1
"""  # noqa: S608  names of our own columns
BY_WEEK: Final = f"""
    {_STEPS}
    SELECT CAST(extract(isodow FROM at) AS int) AS weekday,
           CAST(extract(hour FROM at) AS int) AS hour, {_SECONDS.format("length")}
    FROM local GROUP BY 1, 2 ORDER BY 1, 2
"""  # noqa: S608  names of our own columns


def statement(narrowed: set[str], totals: str) -> TextClause:
    """The SQL of `BY_MEMBER` and the like for sessions that are narrowed by these names."""
    conditions = " ".join(sql for name, sql in _CONDITIONS.items() if name in narrowed)
    spans = _IN_PARTS if "silent" in narrowed else _WHOLE
    return text(f"WITH {_CLIPPED.format(conditions=conditions)}, {spans} {totals}")
