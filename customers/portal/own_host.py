"""On the host of a seller, the server answers with the portal of that seller and nothing else."""

from collections.abc import Callable

from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.http.response import HttpResponseBase
from django.urls import reverse

from customers.portal.brand import render_open_page
from customers.portal.language import localized
from customers.portal_auth.origins import find_seller_by_host, host_name, seller_of_host

SERVED = ("/portal/", "/static/", "/pay/sandbox/", "/pay/done")
"""Paths that a seller's host has: the portal, its files, and the pages that payments return to."""

# Never looked up: hosts of the API are listed in ALLOWED_HOSTS, and probes come by address.
UNHOSTED = ("/api/", "/livez", "/readyz")

Middleware = Callable[[HttpRequest], HttpResponseBase]


def recognize_host(get_response: Middleware) -> Middleware:
    """
    Note the seller whose host a request came to.

    Before all middleware that reads the host, because a seller's host is not in ALLOWED_HOSTS.
    """

    def answer(request: HttpRequest) -> HttpResponseBase:
        host = request.META.get("HTTP_HOST", "")
        seller = None if request.path_info.startswith(UNHOSTED) else find_seller_by_host(host_name(host))
        if seller is not None:
            # The name is the stored one, which was validated; CSRF checks compare the request's origin with it.
            request.get_host = host.lower  # type: ignore[method-assign]
            vars(request)["portal_seller"] = seller
        return get_response(request)

    return answer


def serve_portal_only(get_response: Middleware) -> Middleware:
    """
    Refuse all but the portal on a seller's host.

    Within the middleware that gives each response its headers.
    """

    def answer(request: HttpRequest) -> HttpResponseBase:
        if seller_of_host(request) is None or request.path_info.startswith(SERVED):
            return get_response(request)
        if request.path_info == "/":
            return HttpResponseRedirect(reverse("portal_overview"))
        return _not_found(request)

    return answer


@localized
def _not_found(request: HttpRequest) -> HttpResponse:
    return render_open_page(request, "no_such_page.html", status=404)
