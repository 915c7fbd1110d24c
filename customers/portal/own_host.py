"""On the host of a seller, the server answers with the portal of that seller and nothing else."""

from collections.abc import Callable

from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.http.response import HttpResponseBase
from django.template.loader import render_to_string
from django.urls import reverse

from customers.models import Seller
from customers.portal.brand import brand_of
from customers.portal.language import localized
from customers.portal_auth.origins import find_seller_by_host, host_name

SERVED = ("/portal/", "/static/", "/pay/sandbox/", "/pay/done")
"""Paths that a seller's host has: the portal, its files, and the pages that payments return to."""

# Never looked up: hosts of the API are listed in ALLOWED_HOSTS, and probes come by address.
UNHOSTED = ("/api/", "/livez", "/readyz")


def own_host(
    get_response: Callable[[HttpRequest], HttpResponseBase],
) -> Callable[[HttpRequest], HttpResponseBase]:
    """
    Restrict requests to a seller's host to that seller's portal.

    Before all middleware that reads the host, because a seller's host is not in ALLOWED_HOSTS.
    """

    def answer(request: HttpRequest) -> HttpResponseBase:
        host = request.META.get("HTTP_HOST", "")
        seller = None if request.path_info.startswith(UNHOSTED) else find_seller_by_host(host_name(host))
        if seller is None:
            return get_response(request)
        # The name is the stored one, which was validated; CSRF checks compare the request's origin with it.
        request.get_host = host.lower  # type: ignore[method-assign]
        request.portal_seller = seller  # type: ignore[attr-defined]
        if request.path_info == "/":
            return HttpResponseRedirect(reverse("portal_overview"))
        if not request.path_info.startswith(SERVED):
            return _not_found(request, seller)
        return get_response(request)

    return answer


def _not_found(request: HttpRequest, seller: Seller) -> HttpResponseBase:
    # Rendered without the request, which no middleware has completed.
    page = localized(lambda _request: HttpResponse(_text(seller), status=404))
    return page(request)


def _text(seller: Seller) -> str:
    return render_to_string("portal/no_such_page.html", {"brand": brand_of(seller)})
