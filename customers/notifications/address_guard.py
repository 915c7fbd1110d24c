"""The IP addresses that we connect to for a user who entered a name."""

from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network

# Ranges that Python's own is_global admits (3.11), or that contain an embedded IPv4 address: translators, tunnels.
_CLOSED = tuple(
    map(
        ip_network,
        (
            "192.88.99.0/24",  # 6to4 relays
            "64:ff9b::/96",  # NAT64
            "64:ff9b:1::/48",  # NAT64 of local use
            "2001::/23",  # Teredo and other protocol assignments
            "2002::/16",  # 6to4
            "3fff::/20",  # documentation
        ),
    )
)
_GLOBAL_UNICAST = ip_network("2000::/3")


def is_public(address: str) -> bool:
    """
    Return whether an IP address belongs to the public internet.

    Loopback, private, link-local, shared (CGNAT), multicast, reserved and documentation ranges do not, nor does an
    IPv6 address that embeds an IPv4 address.

    :raises ValueError: if it is not an IP address.
    """
    ip: IPv4Address | IPv6Address = ip_address(address)
    if ip.version == 6 and (ip not in _GLOBAL_UNICAST or ip.scope_id):
        return False
    if ip.is_multicast or ip.is_reserved or not ip.is_global:
        return False
    return not any(ip in network for network in _CLOSED if network.version == ip.version)
