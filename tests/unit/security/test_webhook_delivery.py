"""What a webhook's URL may be."""

from __future__ import annotations

import pytest

from tradebot.security.webhook_delivery import MAX_URL_LENGTH, parse_webhook_url


@pytest.mark.parametrize(
    ("url", "host", "target"),
    [
        ("https://hooks.example.com", "hooks.example.com", "/"),
        ("https://Hooks.Example.com./a/b?c=d&e=%20f", "hooks.example.com", "/a/b?c=d&e=%20f"),
        ("https://hooks.example.com:443/a", "hooks.example.com", "/a"),
        ("https://xn--bcher-kva.example/x", "xn--bcher-kva.example", "/x"),
    ],
)
def test_a_public_host_by_https_is_taken(url: str, host: str, target: str) -> None:
    parsed = parse_webhook_url(url)
    assert (parsed.host, parsed.target) == (host, target)


@pytest.mark.parametrize(
    "url",
    [
        "",
        "hooks.example.com",
        "http://hooks.example.com",
        "ftp://hooks.example.com",
        "file:///etc/passwd",
        "https://",
        "https:///path",
        "https://hooks.example.com:8443/",
        "https://hooks.example.com:99999/",
        "https://hooks.example.com:x/",
        "https://user:password@hooks.example.com/",
        "https://hooks.example.com@127.0.0.1/",
        "https://hooks.example.com#fragment",
        "https://127.0.0.1/",
        "https://127.1/",
        "https://2130706433/",
        "https://0x7f.1/",
        "https://0x7f000001/",
        "https://[::1]/",
        "https://[::ffff:10.0.0.1]/",
        "https://[fe80::1%25eth0]/",
        "https://localhost/",
        "https://a.localhost/",
        "https://intranet/",
        "https://db.internal/",
        "https://printer.local./",
        "https://-a.example.com/",
        "https://bücher.example/",
        "https://hooks.example.com/\r\nx: y",
        "https://hooks.example.com/ x",
        "https://hooks.example.com\\@10.0.0.1/",
        f"https://hooks.example.com/{'a' * MAX_URL_LENGTH}",
    ],
)
def test_anything_else_is_refused_with_a_reason(url: str) -> None:
    with pytest.raises(ValueError, match=r"^(A webhook|This is no URL)"):
        parse_webhook_url(url)
