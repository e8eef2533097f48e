"""Composing an e-mail's bytes.

The standard library's `email` package takes longer to fold one message than SMTP takes to send
it; what we send always has the same shape, so it is written down directly. Whatever a person
typed is base64 before it gets near a header or a body, so that it cannot be taken for either.
"""

from base64 import b64encode, encodebytes
from datetime import datetime
from email.utils import format_datetime

from notilog.notifications.channels.channel import Message

# A line with an encoded word has at most 76 characters (RFC 2047), the name of the header too:
# "Subject: =?utf-8?b?" + 52 + "?=", from 39 bytes.
WORD_BYTES = 39
# Bytes of UTF-8 that stand within a character.
CONTINUATION = range(0x80, 0xC0)
BOUNDARY = "=_notilog"
OUTER_BOUNDARY = "=_invitation"


def composed(message: Message, *, sender: str, to: str, host: str, date: datetime) -> bytes:
    """A complete message with CRLF line ends.

    ``sender`` and ``to`` must be plain ASCII addresses without control characters.
    """
    return (
        f"From: {sender}\r\n"
        f"To: {to}\r\n"
        f"Subject: {encoded_words(message.title)}\r\n"
        f"Date: {format_datetime(date)}\r\n"
        f"Message-ID: <{message.id}@{host}>\r\n"
        f"Content-Language: {message.language}\r\n"
        "Auto-Submitted: auto-generated\r\n"
        "MIME-Version: 1.0\r\n"
        f"{_with_invitation(message) if message.calendar else _alternatives(message)}"
    ).encode("ascii")


def _with_invitation(message: Message) -> str:
    """The alternatives, and the calendar once more as a file.

    Google and Outlook show buttons for the alternative; other programs offer the file.
    """
    text = message.calendar.text if message.calendar else ""
    return (
        f'Content-Type: multipart/mixed; boundary="{OUTER_BOUNDARY}"\r\n'
        "\r\n"
        f"--{OUTER_BOUNDARY}\r\n"
        f"{_alternatives(message)}"
        f"--{OUTER_BOUNDARY}\r\n"
        'Content-Type: application/ics; name="invite.ics"\r\n'
        'Content-Disposition: attachment; filename="invite.ics"\r\n'
        f"{_body(text)}"
        f"--{OUTER_BOUNDARY}--\r\n"
    )


def _alternatives(message: Message) -> str:
    """The text in its forms, the richest last."""
    parts = [
        ("text/plain; charset=utf-8", message.text),
        ("text/html; charset=utf-8", message.html),
    ]
    if message.calendar is not None:
        calendar = message.calendar
        parts.append((f"text/calendar; charset=utf-8; method={calendar.method}", calendar.text))
    written = (f"--{BOUNDARY}\r\nContent-Type: {kind}\r\n{_body(text)}" for kind, text in parts)
    return (
        f'Content-Type: multipart/alternative; boundary="{BOUNDARY}"\r\n'
        "\r\n"
        f"{''.join(written)}"
        f"--{BOUNDARY}--\r\n"
    )


def encoded_words(value: str) -> str:
    """A header's value as RFC 2047 encoded words, folded; never splits a character."""
    rest = value.encode("utf-8", "replace")
    words = []
    while len(rest) > WORD_BYTES:
        end = WORD_BYTES
        while rest[end] in CONTINUATION:
            end -= 1
        words.append(rest[:end])
        rest = rest[end:]
    words.append(rest)
    return "\r\n ".join(f"=?utf-8?b?{b64encode(word).decode()}?=" for word in words)


def _body(text: str) -> str:
    """The last header of a part, and its body."""
    encoded = encodebytes(text.encode("utf-8", "replace")).decode().replace("\n", "\r\n")
    return f"Content-Transfer-Encoding: base64\r\n\r\n{encoded}"
