"""The address of a request, as far as it can be believed."""

from ipaddress import IPv4Address, IPv6Address, ip_address

from django.conf import settings
from django.http import HttpRequest


def client_address(request: HttpRequest) -> str:
    """Return the address that sent a request; behind a proxy the one that the proxy saw. Empty if there is none."""
    address = str(request.META.get("REMOTE_ADDR", ""))
    if settings.BEHIND_PROXY:  # the proxy appends the address; earlier entries may be forged
        address = request.META.get("HTTP_X_FORWARDED_FOR", "").rsplit(",", 1)[-1].strip() or address
    try:
        ip_address(address)
    except ValueError:
        return ""
    return address


def subscriber_address(request: HttpRequest) -> str:
    """Return the address to count requests by: an IPv4 address, or the /64 network of an IPv6 subscriber."""
    text = client_address(request)
    if not text or isinstance(address := ip_address(text), IPv4Address):
        return text
    if address.ipv4_mapped:
        return str(address.ipv4_mapped)
    return f"{IPv6Address(int(address) >> 64 << 64)}/64"
