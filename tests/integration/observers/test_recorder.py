"""What a connection hears is recorded once, in order, whatever happens to the database."""

from tests.integration.observers.voices import (
    ANNA,
    HALL,
    NOON,
    actions,
    after,
    anna,
    guild,
    observer,
    recording,
    sessions,
    state,
)


async def test_a_join_and_a_leave_are_a_session(database: None) -> None:
    observer_id = await observer()
    async with recording(observer_id) as recorder:
        recorder.connected(NOON)
        recorder.guild(guild(), NOON)
        recorder.voice(state(member=anna()), after(10))
        recorder.voice(state(channel_id=None), after(70))
    assert [(one.kind, one.at) for one in await actions()] == [
        ("join", after(10)),
        ("leave", after(70)),
    ]
    (session,) = await sessions()
    assert (session.member_id, session.channel_id) == (ANNA, HALL)
    assert (session.started_at, session.ended_at) == (after(10), after(70))
    assert (session.end_reason, session.start_estimated, session.end_estimated) == (
        "left",
        False,
        False,
    )
