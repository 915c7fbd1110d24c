"""Pages in a frame of another site: opened by a token in their address, without a cookie. docs/embedding.md."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import wraps
from typing import Any

from csp.constants import NONE
from django.http import Http404, HttpRequest
from django.http.response import HttpResponseBase
from django.shortcuts import render
from django.urls import get_script_prefix, set_script_prefix
from django.utils import timezone, translation
from django.views.decorators.http import require_safe

from customers.customer_time import loaded_current_time
from customers.models import PortalSession, Seller
from customers.models.portal_access import EmbeddedPage
from customers.portal.brand import brand_of
from customers.portal.language import framed_language
from customers.portal.visit import PortalView, Visit, mark_private, respond
from customers.portal_auth.embed_tokens import find_embed_token, is_open


def embedded(page_kind: EmbeddedPage) -> Callable[[PortalView], Callable[..., HttpResponseBase]]:
    """
    Restrict a page to visitors with a token that opens pages of this kind, and call it with their `Visit`.

    The page only reads: other methods than GET and HEAD are refused.
    """

    def wrap(page: PortalView) -> Callable[..., HttpResponseBase]:
        @require_safe
        @wraps(page)
        def wrapped(request: HttpRequest, token: str, **names: Any) -> HttpResponseBase:
            now = timezone.now()
            session = find_embed_token(token)
            if session is None or page_kind not in session.pages:
                raise Http404
            customer = session.customer
            with translation.override(framed_language(request, customer.locale)), _links_below(f"embed/{token}/"):
                if is_open(session, at=now):
                    visit = Visit(session, loaded_current_time(customer, now=now))
                    # Whole seconds, rounded down: the host asks for a new token before this one ends.
                    vars(request)["embed"] = {"seconds": str(int((session.expires_at - now).total_seconds()))}
                    response = respond(page, request, visit, names)
                else:
                    response = _ended(request, session)
            response["Referrer-Policy"] = "no-referrer"  # the address contains the token
            return allow_frames(mark_private(response), customer.seller)

        return wrapped

    return wrap


@contextmanager
def _links_below(path: str) -> Iterator[None]:
    """Let all links of a page begin with a path, so that pages of the portal lead to each other with the token."""
    prefix = get_script_prefix()
    set_script_prefix(prefix + path)
    try:
        yield
    finally:
        set_script_prefix(prefix)


def _ended(request: HttpRequest, session: PortalSession) -> HttpResponseBase:
    # The host learns it by a message of the page, and asks for a new token.
    vars(request)["embed"] = {"seconds": "0"}
    seller = session.customer.seller
    return render(request, "embed/ended.html", {"seller": seller, "brand": brand_of(seller)}, status=410)


def allow_frames(response: HttpResponseBase, seller: Seller) -> HttpResponseBase:
    """Let the sites of a seller show a response in a frame, and nobody else."""
    origins = seller.frame_ancestors
    # The middleware of the policy reads the attribute, as it does for the library's decorators.
    vars(response)["_csp_replace"] = {"frame-ancestors": origins or [NONE]}
    # X-Frame-Options can't name origins.
    vars(response)["xframe_options_exempt"] = bool(origins)
    return response
