"""
The hosts of the portal: the server's own, and those of sellers with a domain of their own.

A seller's host is looked up in the database at each request, so it works as soon as it is saved. It is safe to answer
to it without listing it in ALLOWED_HOSTS, because the host of a request is replaced by the stored one.

Source: docs/portal.md#own-domain, docs/decisions/0080-the-host-of-a-request-chooses-the-seller.md.
"""

from urllib.parse import urlsplit

from django.conf import settings
from django.http import HttpRequest
from django.http.request import split_domain_port

from customers.models import Seller


def is_main_host(name: str) -> bool:
    """Return whether a host name is the server's own, which no seller may take."""
    main_names = {host for host in settings.ALLOWED_HOSTS if not host.startswith(("*", "."))}
    return name in main_names or name == urlsplit(settings.PUBLIC_URL).hostname


def find_seller_by_host(name: str) -> Seller | None:
    """Return the seller whose portal a host is; None for the server's own hosts and for unknown ones."""
    if not name or is_main_host(name):
        return None
    return Seller.objects.filter(portal_host=name).first()


def host_name(host: str) -> str:
    """Return the name in a Host header, in lower case, without its port; empty if it is malformed."""
    return split_domain_port(host)[0]


def seller_of_host(request: HttpRequest) -> Seller | None:
    """Return the seller whose own host a request came to; None on the server's own hosts."""
    seller: Seller | None = getattr(request, "portal_seller", None)
    return seller


def portal_origin(request: HttpRequest, seller: Seller | None = None) -> str:
    """
    Return the portal's scheme and host for a link.

    seller: of the customer whom the link is for; None if the link is for the reader of a mailbox.
    """
    if seller_of_host(request) is not None:
        return f"{request.scheme}://{request.get_host()}"
    return (seller.portal_origin if seller else settings.PUBLIC_URL) or f"{request.scheme}://{request.get_host()}"
