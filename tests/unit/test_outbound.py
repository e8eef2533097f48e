"""Which addresses a request may be sent to."""

import pytest

from notilog.errors import SendFailed
from notilog.notifications.channels.outbound import is_public, target


@pytest.mark.parametrize(
    "address",
    [
        *("127.0.0.1", "10.0.0.1", "172.16.0.1", "192.168.1.1", "169.254.169.254", "0.0.0.0"),
        *("100.64.0.1", "224.0.0.1", "255.255.255.255", "192.0.2.1", "::1", "::", "fe80::1%eth0"),
        *("fc00::1", "ff02::1", "::ffff:127.0.0.1", "::ffff:10.0.0.1", "64:ff9b::7f00:1"),
        *("2002:7f00:1::", "2001:0:4136:e378:8000:63bf:80ff:fffe"),
    ],
)
def test_private_in_any_wrapping(address: str) -> None:
    assert not is_public(address)


@pytest.mark.parametrize("address", ["1.1.1.1", "2606:4700:4700::1111", "::ffff:1.1.1.1"])
def test_public(address: str) -> None:
    assert is_public(address)


@pytest.mark.parametrize(
    "url", ["", "ftp://example.org", "file:///etc/passwd", "http://", "example.org", "http://[::"]
)
def test_not_a_target(url: str) -> None:
    with pytest.raises(SendFailed, match="not an http or https URL") as caught:
        target(url, allow_private=True)
    assert caught.value.permanent


@pytest.mark.parametrize("url", ["http://127.0.0.1/", "http://[::1]:8080/", "https://10.1.2.3"])
def test_a_literal_private_target_is_refused_unless_allowed(url: str) -> None:
    with pytest.raises(SendFailed, match="private address"):
        target(url, allow_private=False)
    assert str(target(url, allow_private=True)).startswith(url)
