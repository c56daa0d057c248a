"""Which addresses are public, whatever this Python's own opinion is."""

from __future__ import annotations

import pytest

from tradebot.security.public_addresses import is_public_address


@pytest.mark.parametrize(
    "address", ["93.184.215.14", "1.1.1.1", "223.255.255.1", "2606:4700:4700::1111", "2a00:1450::1"]
)
def test_the_public_internet_is_public(address: str) -> None:
    assert is_public_address(address)


NOT_PUBLIC = """
0.0.0.0 0.1.2.3 10.0.0.1 10.20.0.9 100.64.0.1 127.0.0.1 127.255.255.254 169.254.169.254 169.254.170.2 172.16.0.1
172.31.255.255 192.0.0.8 192.0.2.1 192.88.99.1 192.168.1.1 198.18.0.1 198.51.100.1 203.0.113.1 224.0.0.1 239.1.1.1
240.0.0.1 255.255.255.255 :: ::1 ::ffff:127.0.0.1 ::ffff:10.0.0.1 ::ffff:93.184.215.14 ::93.184.215.14
64:ff9b::a00:1 64:ff9b::5db8:d70e 64:ff9b:1::1 100::1 2001::1 2001:0:a00:1:: 2001:db8::1 2002:a00:1:: 3fff::1
fc00::1 fd00:ec2::254 fe80::1 fe80::1%eth0 fec0::1 ff02::1 2606:4700::1%eth0 4000::1 127.1 0x7f000001 2130706433
010.0.0.1 localhost
"""


@pytest.mark.parametrize("address", NOT_PUBLIC.split())
def test_everything_else_is_not(address: str) -> None:
    assert not is_public_address(address)
