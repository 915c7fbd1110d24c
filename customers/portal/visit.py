"""A signed-in person on a page: the account, the permissions, and access to the account's rows."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from functools import wraps
from typing import Any

import pghistory
from django.conf import settings
from django.db.models import Model, QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from django.utils import timezone, translation
from django.views.decorators.http import require_http_methods

from customers.customer_time import loaded_current_time
from customers.models import Contact, Customer, PortalSession
from customers.models.contacts import ContactRole
from customers.models.portal_access import PortalAccessWay
from customers.portal.brand import brand_of
from customers.portal.language import portal_language
from customers.portal_auth import sessions
from customers.portal_auth.origins import seller_of_host

COOKIE = f"{settings.COOKIE_PREFIX}portal"
# The header of requests by static/portal/portal.js.
REFRESH = "X-Live-Refresh"
PRIVATE = {"Cache-Control": "private, no-store", "X-Robots-Tag": "noindex, nofollow"}


@dataclass(frozen=True, slots=True)
class Visit:
    """
    A person in the account of one customer.

    at: the customer's current time. All rows on the portal's pages are read through `own_rows` or `own_row`, so that
        a page cannot show another customer's rows: tests/architecture/test_portal_queries_are_scoped.py.
    """

    session: PortalSession
    at: datetime

    @property
    def customer(self) -> Customer:
        return self.session.customer

    @property
    def contact(self) -> Contact | None:
        return self.session.contact

    @property
    def may_change(self) -> bool:
        """Whether the person may pay, buy and edit billing details; all others can only view."""
        return self.contact is not None and self.contact.role in (ContactRole.ADMIN, ContactRole.BILLING)

    @property
    def may_manage(self) -> bool:
        """Whether the person may also set limits, change the plan and manage people."""
        return self.contact is not None and self.contact.role == ContactRole.ADMIN

    @property
    def is_embedded(self) -> bool:
        """Whether the page is shown in a frame of another site, which has a navigation of its own."""
        return self.session.way == PortalAccessWay.EMBED

    def own_rows(self, rows: QuerySet[Any], path: str = "customer") -> QuerySet[Any]:
        """Return the customer's rows; path: the lookup to the customer."""
        return rows.filter(**{path: self.session.customer_id})

    def own_row(self, rows: QuerySet[Any], path: str = "customer", **lookups: Any) -> Any:
        """
        Return one of the customer's rows.

        :raises Http404: if there is none, or it belongs to another customer.
        """
        return get_object_or_404(self.own_rows(rows, path), **lookups)


PortalView = Callable[..., HttpResponseBase]


def signed_in(*methods: str, needs: ContactRole = ContactRole.BILLING) -> Callable[[PortalView], PortalView]:
    """
    Restrict a page to signed-in visitors and call it with their `Visit`; others are redirected to sign in.

    methods: "GET" unless others are given. needs: the role from which a visitor may send a POST: of a billing
        contact, or of an admin.
    """

    def wrap(page: PortalView) -> PortalView:
        @wraps(page)
        def wrapped(request: HttpRequest, **names: Any) -> HttpResponseBase:
            now = timezone.now()
            session = sessions.find(
                request.COOKIES.get(COOKIE, ""),
                at=now,
                seller=seller_of_host(request),
                is_page_view=REFRESH not in request.headers,
            )
            if session is None:
                return mark_private(HttpResponseRedirect(reverse("portal_sign_in")))
            visit = Visit(session, loaded_current_time(session.customer, now=now))
            with translation.override(portal_language(request, session.customer.locale)):
                return mark_private(respond(page, request, visit, names, needs))

        vars(wrapped)["is_of_a_customer"] = True
        if "GET" in (methods or ("GET",)):
            # Pages that show something can be embedded, where another decorator finds the visit.
            vars(wrapped)["shown_page"] = page
        return require_http_methods([*(methods or ("GET",)), "HEAD"])(wrapped)

    return wrap


def respond(
    page: PortalView,
    request: HttpRequest,
    visit: Visit,
    names: dict[str, Any],
    needs: ContactRole = ContactRole.BILLING,
) -> HttpResponseBase:
    """Return a page for a visit: a refusal if the person may not do that, or “not found”."""
    try:
        if request.method != "POST":
            return page(request, visit, **names)
        if not (visit.may_manage if needs == ContactRole.ADMIN else visit.may_change):
            return render_page(request, visit, "looks_only.html", {"needs": needs}, status=403)
        contact = visit.contact.pk if visit.contact else None
        with pghistory.context(portal_contact=contact, portal_session=visit.session.pk):
            return page(request, visit, **names)
    except Http404:
        return render_page(request, visit, "missing.html", status=404)


def render_page(
    request: HttpRequest, visit: Visit, template: str, context: dict[str, Any] | None = None, *, status: int = 200
) -> HttpResponse:
    """Return a page of the portal in its frame."""
    return render(request, f"portal/{template}", {**_frame(visit), **(context or {})}, status=status)


def _frame(visit: Visit) -> dict[str, Any]:
    return {"visit": visit, "brand": brand_of(visit.customer.seller)}


def mark_private(response: HttpResponseBase) -> HttpResponseBase:
    """Return a response that caches do not store and search engines do not list."""
    for name, value in PRIVATE.items():
        response[name] = value
    return response


def paginate(
    rows: QuerySet[Any], request: HttpRequest, *, size: int = 25, name: str = "before"
) -> tuple[list[Any], str]:
    """
    Return the rows of a page, newest first, and the query of the next page, empty on the last one.

    Pages continue below a row's id, so the last page costs as much as the first.
    """
    before_text = request.GET.get(name, "")
    if before_text.isdecimal() and len(before_text) <= 18:
        rows = rows.filter(pk__lt=int(before_text))
    page_rows: list[Model] = list(rows.order_by("-pk")[: size + 1])
    if len(page_rows) <= size:
        return page_rows, ""
    query = request.GET.copy()
    query[name] = str(page_rows[size - 1].pk)
    return page_rows[:size], query.urlencode()


def redirect_with_message(name: str, *args: Any, message: str = "") -> HttpResponse:
    """Redirect to a page after a change, with the message that the page shows."""
    return HttpResponseRedirect(reverse(name, args=args) + (f"?message={message}" if message else ""), status=303)
