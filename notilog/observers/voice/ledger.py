"""The open sessions of one observer, and what each event makes of them. Pure.

What is to be written gathers in `Changes`; who has written it takes it, so that the ledger is what
the database has.
"""

from collections.abc import Collection, Iterable
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Final

from notilog.observers.voice import sessions
from notilog.observers.voice.changes import Changes, ChannelKnown, GuildKnown, MemberKnown
from notilog.observers.voice.choosing import Choice, reason_gone
from notilog.observers.voice.events import (
    ChannelDeleted,
    ChannelSeen,
    Event,
    GuildChanged,
    GuildLeft,
    Linked,
    Outage,
    Present,
    Seen,
    Snapshot,
    Torn,
    Voice,
)
from notilog.observers.voice.heard import Channel, Guild, Member, VoiceState
from notilog.observers.voice.reconciling import Difference, reconcile
from notilog.observers.voice.sessions import Moment, OpenSession
from notilog.observers.voice.stays import Stay
from notilog.observers.voice.transitions import Action, EndReason, change

SETTLED: Final = timedelta(minutes=1)
"""How long after a connection snapshots may still come; with none the old one was resumed."""


class Ledger:
    """Reads events in order; ``opened`` are the open sessions that the database has.

    ``before`` is the ledger of the same connection before these were read anew.
    """

    def __init__(
        self,
        choice: Choice,
        opened: Iterable[OpenSession] = (),
        *,
        before: "Ledger | None" = None,
    ) -> None:
        self._choice = choice
        self._open: dict[int, dict[int, OpenSession]] = {}
        self._known: dict[int, datetime] = {}  # guilds, and when each was last seen whole
        self._seen: dict[int, datetime] = {}
        self._torn: set[int] = set()
        self._linked_at: datetime | None = None
        self._changes = Changes()
        self.opted_out: Collection[int] = ()
        for session in opened:
            self._keep(session)
        if before is not None:
            self._known, self._torn = before._known, before._torn  # noqa: SLF001  our own
            self._linked_at = before._linked_at  # noqa: SLF001

    @property
    def open_sessions(self) -> list[OpenSession]:
        return [session for guild in self._open.values() for session in guild.values()]

    def take(self) -> Changes:
        """What has become of everything since this was last asked."""
        taken, self._changes = self._changes, Changes()
        return taken

    def hear(self, event: Event) -> None:  # noqa: C901  one case for each kind of event
        """Let one event make its changes."""
        match event:
            case Voice():
                self._hear_voice(event.state, Moment(event.at, event.is_estimated))
            case Seen():
                self._hear_of_nothing(event.at)
            case Present():
                self._be_in(event)
            case Snapshot():
                self._see_guild(event.guild, event.at)
            case Linked():
                self._linked_at = event.at if event.connected else None
            case GuildChanged():
                self._name_guild(event.guild_id, event.name, event.afk_channel_id, event.at)
            case ChannelSeen():
                self._name_channel(event.guild_id, event.channel)
            case ChannelDeleted():
                self._lose_channel(event)
            case Outage():
                self._known.pop(event.guild_id, None)
            case GuildLeft():
                self._leave_guild(event)
            case Torn():
                self._distrust(event)

    def _hear_voice(self, state: VoiceState, when: Moment) -> None:
        session = self._open.get(state.guild_id, {}).get(state.member_id)
        before = None if session is None else session.stay
        after = self._choice.seen(state, opted_out=self.opted_out)
        if session is not None:  # clocks may be set back, intervals never end before they begin
            when = replace(when, at=max(when.at, session.touched_at))
        happened = change(before, after, gone=reason_gone(state))
        for action in happened.actions:
            self._act(action, state.guild_id, state.member_id, when)
        if session is not None and happened.closes is not None:
            self._end(session, happened.closes, when)
        if after is not None and happened.opens:
            unsure = when.is_estimated or (before is None and state.guild_id in self._torn)
            self._begin(state.guild_id, state.member_id, after, Moment(when.at, unsure))
        elif session is not None and after is not None and before != after:
            self._keep(sessions.alter(self._changes, session, after, at=when.at))
        self._name_member(state.guild_id, state.member, when.at)

    def _see_guild(self, guild: Guild, at: datetime) -> None:
        found: dict[int, Stay] = {}
        members: list[Member | None] = []
        for state in guild.states:
            stay = self._choice.seen(state, opted_out=self.opted_out)
            if state.guild_id == guild.id and stay is not None:
                found[state.member_id] = stay
                members.append(state.member)
        opened = self._open.get(guild.id, {})
        for difference in reconcile({each: opened[each].stay for each in opened}, found):
            self._mend(guild.id, difference, opened.get(difference.member_id), at)
        for member in members:
            self._name_member(guild.id, member, at)
        channel_ids = frozenset(channel.id for channel in guild.channels)
        self._name_guild(guild.id, guild.name, guild.afk_channel_id, at, channel_ids=channel_ids)
        for channel in guild.channels:
            self._name_channel(guild.id, channel)
        self._known[guild.id] = at
        self._torn.discard(guild.id)
        self._see(guild.id, at)

    def _mend(
        self, guild_id: int, difference: Difference, session: OpenSession | None, at: datetime
    ) -> None:
        member_id, before, after = difference.member_id, difference.before, difference.after
        now = Moment(at if session is None else max(at, session.touched_at), is_estimated=True)
        if session is not None and after is not None and difference.is_kept:
            for action in change(before, after).actions:
                self._act(action, guild_id, member_id, now)
            self._keep(sessions.alter(self._changes, session, after, at=now.at))
            return
        if session is not None:
            self._lose(session)
        if after is not None:
            self._act(Action("join", None, after), guild_id, member_id, now)
            self._begin(guild_id, member_id, after, now)

    def _lose(self, session: OpenSession) -> None:
        """The session ends when it was last seen, for a gap."""
        last = max(session.touched_at, self._seen.get(session.guild_id, session.touched_at))
        then = Moment(last, is_estimated=True)
        self._act(Action("leave", session.stay, None), session.guild_id, session.member_id, then)
        self._end(session, "gap", then)

    def _hear_of_nothing(self, at: datetime) -> None:
        """What is open goes on, in guilds of which we would have heard otherwise."""
        since = self._linked_at
        if since is None:
            return
        for guild_id, opened in self._open.items():
            known = self._known.get(guild_id)
            if opened and known is not None and (known >= since or at - since >= SETTLED):
                self._see(guild_id, at)

    def _see(self, guild_id: int, at: datetime) -> None:
        at = max(at, self._seen.get(guild_id, at))
        self._seen[guild_id] = at
        if self._open.get(guild_id):
            self._changes.seen[guild_id] = at

    def _be_in(self, event: Present) -> None:
        """Guilds that were left while nobody heard of it."""
        for guild_id, opened in list(self._open.items()):
            if guild_id not in event.guild_ids:
                for session in list(opened.values()):
                    self._lose(session)
        for guild_id in self._known.keys() - event.guild_ids:
            del self._known[guild_id]
        self._changes.present = (event.guild_ids, event.at)

    def _lose_channel(self, event: ChannelDeleted) -> None:
        for session in list(self._open.get(event.guild_id, {}).values()):
            if session.stay.channel_id == event.channel_id:
                self._close(session, "channel_deleted", event.at)
        if self._choice.names(event.guild_id, event.channel_id):
            self._changes.channels_deleted[event.channel_id] = event.at

    def _leave_guild(self, event: GuildLeft) -> None:
        for session in list(self._open.get(event.guild_id, {}).values()):
            self._close(session, "guild_left", event.at)
        self._known.pop(event.guild_id, None)
        self._changes.guilds_left[event.guild_id] = event.at

    def _distrust(self, event: Torn) -> None:
        for session in list(self._open.get(event.guild_id, {}).values()):
            self._lose(session)
        self._torn.add(event.guild_id)

    def _close(self, session: OpenSession, reason: EndReason, at: datetime) -> None:
        when = Moment(max(at, session.touched_at))
        self._act(Action("leave", session.stay, None), session.guild_id, session.member_id, when)
        self._end(session, reason, when)

    def _begin(self, guild_id: int, member_id: int, stay: Stay, when: Moment) -> None:
        self._keep(
            sessions.begin(self._changes, stay, guild_id=guild_id, member_id=member_id, when=when)
        )

    def _keep(self, session: OpenSession) -> None:
        self._open.setdefault(session.guild_id, {})[session.member_id] = session

    def _end(self, session: OpenSession, reason: EndReason, when: Moment) -> None:
        sessions.end(self._changes, session, when=when, reason=reason)
        del self._open[session.guild_id][session.member_id]

    def _act(self, action: Action, guild_id: int, member_id: int, when: Moment) -> None:
        sessions.act(self._changes, action, guild_id=guild_id, member_id=member_id, when=when)

    def _name_guild(
        self,
        guild_id: int,
        name: str,
        afk_channel_id: int | None,
        at: datetime,
        *,
        channel_ids: frozenset[int] | None = None,
    ) -> None:
        if self._choice.names(guild_id):
            told = self._changes.guilds.get(guild_id)
            if channel_ids is None and told is not None:
                channel_ids = told.channel_ids
            self._changes.guilds[guild_id] = GuildKnown(name, afk_channel_id, at, channel_ids)
            self._changes.guilds_left.pop(guild_id, None)

    def _name_channel(self, guild_id: int, channel: Channel) -> None:
        if self._choice.names(guild_id, channel.id):
            self._changes.channels[channel.id] = ChannelKnown(guild_id, channel.name)
            self._changes.channels_deleted.pop(channel.id, None)

    def _name_member(self, guild_id: int, member: Member | None, at: datetime) -> None:
        """Keep the name of somebody who is here, when it is not the one that was kept."""
        if member is None:
            return
        session = self._open.get(guild_id, {}).get(member.id)
        if session is not None and session.member != member:
            self._changes.members[guild_id, member.id] = MemberKnown(
                member.name, member.display_name, member.is_bot, at
            )
            self._keep(replace(session, member=member))
