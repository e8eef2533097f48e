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


def composed(message: Message, *, sender: str, to: str, host: str, date: datetime) -> bytes:
    """A complete message with CRLF line ends.

    ``sender`` and ``to`` must be plain ASCII addresses without control characters.
    """
    text, html = _body(message.text), _body(message.html)
    return (
        f"From: {sender}\r\n"
        f"To: {to}\r\n"
        f"Subject: {encoded_words(message.title)}\r\n"
        f"Date: {format_datetime(date)}\r\n"
        f"Message-ID: <{message.id}@{host}>\r\n"
        f"Content-Language: {message.language}\r\n"
        "Auto-Submitted: auto-generated\r\n"
        "MIME-Version: 1.0\r\n"
        f'Content-Type: multipart/alternative; boundary="{BOUNDARY}"\r\n'
        "\r\n"
        f"--{BOUNDARY}\r\n"
        "Content-Type: text/plain; charset=utf-8\r\n"
        "Content-Transfer-Encoding: base64\r\n"
        f"\r\n{text}"
        f"--{BOUNDARY}\r\n"
        "Content-Type: text/html; charset=utf-8\r\n"
        "Content-Transfer-Encoding: base64\r\n"
        f"\r\n{html}"
        f"--{BOUNDARY}--\r\n"
    ).encode("ascii")


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
    return encodebytes(text.encode("utf-8", "replace")).decode().replace("\n", "\r\n")
