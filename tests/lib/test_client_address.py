"""Requests are counted by the address that can be believed."""

import pytest
from django.test import RequestFactory

from lib.client_address import client_address, subscriber_address

CASES = [
    # remote address     forwarded for                      behind a proxy  client's          counted as
    ("203.0.113.9", "", False, "203.0.113.9", "203.0.113.9"),
    ("203.0.113.9", "198.51.100.7", False, "203.0.113.9", "203.0.113.9"),
    ("10.0.0.1", "198.51.100.7", True, "198.51.100.7", "198.51.100.7"),
    ("10.0.0.1", "192.0.2.1, 198.51.100.7", True, "198.51.100.7", "198.51.100.7"),
    ("10.0.0.1", "", True, "10.0.0.1", "10.0.0.1"),
    ("10.0.0.1", "nonsense", True, "", ""),
    ("", "", False, "", ""),
    ("2001:db8:1:2:3::4", "", False, "2001:db8:1:2:3::4", "2001:db8:1:2::/64"),
    ("::ffff:203.0.113.9", "", False, "::ffff:203.0.113.9", "203.0.113.9"),
]


@pytest.mark.parametrize(("remote", "forwarded", "is_behind_proxy", "client", "counted"), CASES)
def test_the_address_of_a_request(settings, remote, forwarded, is_behind_proxy, client, counted):
    settings.BEHIND_PROXY = is_behind_proxy
    headers = {"X-Forwarded-For": forwarded} if forwarded else {}
    request = RequestFactory().get("/", REMOTE_ADDR=remote, headers=headers)

    assert (client_address(request), subscriber_address(request)) == (client, counted)
