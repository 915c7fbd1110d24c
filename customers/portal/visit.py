"""A signed-in person on a page: whose account it is, what they may do, and which rows are theirs."""

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
from django.utils import timezone
from django.views.decorators.http import require_http_methods

from customers.customer_time import loaded_current_time
from customers.models import Contact, Customer, PortalSession
from customers.portal_auth import sessions

COOKIE = "__Secure-portal" if settings.PRODUCTION else "portal"
PATH = "/portal/"
PRIVATE = {"Cache-Control": "private, no-store", "X-Robots-Tag": "noindex, nofollow"}


@dataclass(frozen=True, slots=True)
class Visit:
    """
    Somebody in the account of one customer.

    at: what time it is for the customer. All rows of the portal's pages come through `own` or `one`, so that a page
    cannot show what is another customer's: tests/architecture/test_the_portal_shows_ones_own.py.
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
        """Whether they may buy, set and edit: a contact who gets the bills; all others look."""
        return self.contact is not None and self.contact.billing

    def own_rows(self, rows: QuerySet[Any], path: str = "customer") -> QuerySet[Any]:
        """Return those rows that are the customer's; path: the lookup that leads to whose they are."""
        return rows.filter(**{path: self.session.customer_id})

    def own_row(self, rows: QuerySet[Any], path: str = "customer", **which: Any) -> Any:
        """
        Return one row of the customer's.

        :raises Http404: if there is none, or it is another customer's.
        """
        return get_object_or_404(self.own_rows(rows, path), **which)


PortalView = Callable[..., HttpResponseBase]


def signed_in(*methods: str) -> Callable[[PortalView], PortalView]:
    """
    Let only somebody signed in see a page, which is called with their `Visit`; others are sent to sign in.

    methods: "GET" unless others are named. Whoever only looks is refused what a POST would do.
    """

    def wrap(page: PortalView) -> PortalView:
        @wraps(page)
        def wrapped(request: HttpRequest, **names: Any) -> HttpResponseBase:
            now = timezone.now()
            session = sessions.find(request.COOKIES.get(COOKIE, ""), at=now)
            if session is None:
                return mark_private(HttpResponseRedirect(reverse("portal_sign_in")))
            visit = Visit(session, loaded_current_time(session.customer, now=now))
            return mark_private(_answer(page, request, visit, names))

        wrapped.is_of_a_customer = True  # type: ignore[attr-defined]
        return require_http_methods([*(methods or ("GET",)), "HEAD"])(wrapped)

    return wrap


def _answer(page: PortalView, request: HttpRequest, visit: Visit, names: dict[str, Any]) -> HttpResponseBase:
    try:
        if request.method != "POST":
            return page(request, visit, **names)
        if not visit.may_change:
            return render_page(request, visit, "looks_only.html", status=403)
        contact = visit.contact.pk if visit.contact else None
        with pghistory.context(portal_contact=contact, portal_session=visit.session.pk):
            return page(request, visit, **names)
    except Http404:
        return render_page(request, visit, "missing.html", status=404)


def render_page(
    request: HttpRequest, visit: Visit, template: str, context: dict[str, Any] | None = None, *, status: int = 200
) -> HttpResponse:
    """Return a page of the portal in its frame."""
    return render(request, f"portal/{template}", {"visit": visit, **(context or {})}, status=status)


def mark_private(response: HttpResponseBase) -> HttpResponseBase:
    """Return an answer that nobody keeps, and no search engine lists."""
    for name, value in PRIVATE.items():
        response[name] = value
    return response


def paginate(
    rows: QuerySet[Any], request: HttpRequest, *, size: int = 25, name: str = "before"
) -> tuple[list[Any], str]:
    """
    Return the rows of a page, newest first, and the query of the next one, empty on the last.

    Pages go on below a row's number, so the last costs what the first does.
    """
    asked = request.GET.get(name, "")
    if asked.isdecimal() and len(asked) <= 18:
        rows = rows.filter(pk__lt=int(asked))
    found: list[Model] = list(rows.order_by("-pk")[: size + 1])
    if len(found) <= size:
        return found, ""
    query = request.GET.copy()
    query[name] = str(found[size - 1].pk)
    return found[:size], query.urlencode()


def redirect_with_message(name: str, *args: Any, message: str = "") -> HttpResponse:
    """Send the browser on to a page, after something was done that the page is to tell."""
    return HttpResponseRedirect(reverse(name, args=args) + (f"?told={message}" if message else ""), status=303)
