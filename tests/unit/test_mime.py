"""E-mails are composed by hand: the standard library must read them back as they were meant."""

import email
import email.policy
from datetime import UTC, datetime
from email.message import EmailMessage
from uuid import UUID

from hypothesis import example, given
from hypothesis import strategies as st

from notilog.notifications.channels.channel import Calendar, Message
from notilog.notifications.channels.mime import composed, encoded_words

ID = UUID("0190d2f0-0000-7000-8000-000000000000")
NOW = datetime(2026, 6, 1, 12, tzinfo=UTC)
TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=300)


def parsed(
    title: str, text: str, html: str = "<p>", calendar: Calendar | None = None
) -> EmailMessage:
    message = Message(ID, "reminder", title, text, html, "en", NOW, {}, calendar)
    raw = composed(
        message, sender="NotiLog <notilog@example.org>", to="a@b.c", host="example.org", date=NOW
    )
    assert max(len(line) for line in raw.split(b"\r\n")) <= 76
    assert b"\n" not in raw.replace(b"\r\n", b"")
    made = email.message_from_bytes(raw, policy=email.policy.default)
    assert isinstance(made, EmailMessage)
    assert made.defects == []
    return made


@given(title=TEXT, text=TEXT)
@example(title="Планёрка — пн, 1 июня " * 10, text="\n.\r\n..\r\nQUIT\r\n--=_notilog--\r\n")
def test_whatever_is_written_stays_in_its_place(title: str, text: str) -> None:
    mail = parsed(title, text, text)
    assert set(mail) == {
        *("From", "To", "Subject", "Date", "Message-ID", "Content-Language"),
        *("Auto-Submitted", "MIME-Version", "Content-Type"),
    }
    parts = list(mail.iter_parts())
    assert [part.get_content_type() for part in parts] == ["text/plain", "text/html"]
    for part in parts:
        payload = part.get_payload(decode=True)
        assert isinstance(payload, bytes)
        assert payload.decode() == text


def test_headers_say_who_when_and_which() -> None:
    mail = parsed("Планёрка", "text")
    assert mail["Subject"] == "Планёрка"
    assert mail["Message-ID"] == f"<{ID}@example.org>"
    assert mail["From"] == "NotiLog <notilog@example.org>"
    assert mail["Date"] == "Mon, 01 Jun 2026 12:00:00 +0000"


@given(value=TEXT)
def test_encoded_words_never_hold_a_line_break_or_half_a_character(value: str) -> None:
    lines = encoded_words(value).split("\r\n ")
    assert all(line.isascii() and line.isprintable() and len(line) <= 75 for line in lines)


@given(text=TEXT)
@example(text="BEGIN:VCALENDAR\r\nSUMMARY:Планёрка\r\nEND:VCALENDAR\r\n")
@example(text="--=_notilog--\r\n--=_invitation--\r\n")
def test_an_invitation_is_an_alternative_and_a_file(text: str) -> None:
    mail = parsed("Lunch", "text", calendar=Calendar("REQUEST", text))
    assert mail.get_content_type() == "multipart/mixed"
    alternatives, attachment = mail.iter_parts()
    assert isinstance(alternatives, EmailMessage)
    assert alternatives.get_content_type() == "multipart/alternative"
    *_, invitation = alternatives.iter_parts()
    assert invitation["Content-Type"] == 'text/calendar; charset="utf-8"; method="REQUEST"'
    assert attachment["Content-Type"] == 'application/ics; name="invite.ics"'
    assert attachment.get_content_disposition() == "attachment"
    assert attachment.get_filename() == "invite.ics"
    for part in (invitation, attachment):
        payload = part.get_payload(decode=True)
        assert isinstance(payload, bytes)
        assert payload.decode() == text


def test_a_message_without_an_invitation_has_only_its_texts() -> None:
    message = Message(ID, "reminder", "Lunch", "text", "<p>", "en", NOW, {})
    raw = composed(message, sender="n@e.org", to="a@b.c", host="e.org", date=NOW)
    assert raw.partition(b"MIME-Version: 1.0\r\n")[2] == (
        b'Content-Type: multipart/alternative; boundary="=_notilog"\r\n\r\n'
        b"--=_notilog\r\nContent-Type: text/plain; charset=utf-8\r\n"
        b"Content-Transfer-Encoding: base64\r\n\r\ndGV4dA==\r\n"
        b"--=_notilog\r\nContent-Type: text/html; charset=utf-8\r\n"
        b"Content-Transfer-Encoding: base64\r\n\r\nPHA+\r\n--=_notilog--\r\n"
    )
