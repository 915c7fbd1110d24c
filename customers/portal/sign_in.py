"""Sign-in and sign-out: request a link by email, use a link, sign out."""

from django import forms
from django.conf import settings
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.middleware.csrf import rotate_token
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from access.rate_limits.buckets import rate_limit
from customers.models.portal_access import LONGEST_SESSION
from customers.portal.brand import render_open_page
from customers.portal.language import localized
from customers.portal.visit import COOKIE, mark_private, redirect_with_message
from customers.portal_auth import magic_links, sessions
from customers.portal_auth.origins import portal_origin, seller_of_host
from customers.tasks import wake_mail_worker
from lib.client_address import subscriber_address


class MailForm(forms.Form):
    email = forms.EmailField(
        label=_("Work email"),
        max_length=254,
        widget=forms.EmailInput(attrs={"autocomplete": "email", "autofocus": True}),
    )


@require_http_methods(["GET", "HEAD", "POST"])
@localized
def sign_in(request: HttpRequest) -> HttpResponseBase:
    """Request a link for a mailbox; the response is the same for known and unknown ones."""
    form = MailForm(request.POST or None, label_suffix="")
    if request.method == "POST" and form.is_valid():
        try:
            magic_links.request_link(
                email=form.cleaned_data["email"],
                address=subscriber_address(request),
                origin=portal_origin(request),
                at=timezone.now(),
            )
        except magic_links.TooManyLinkRequests as refusal:
            form.add_error(None, str(refusal))
            response = mark_private(render_open_page(request, "sign_in.html", {"form": form}, status=429))
            for name, value in rate_limit("portal-links").refusal_headers().items():
                response[name] = value
            return response
        wake_mail_worker()
        return mark_private(redirect_with_message("portal_mailed"))
    return mark_private(render_open_page(request, "sign_in.html", {"form": form}))


@require_safe
@localized
def mailed(request: HttpRequest) -> HttpResponseBase:
    minutes = int(magic_links.MAILED_LINK_LIFETIME.total_seconds() // 60)
    return mark_private(render_open_page(request, "mailed.html", {"minutes": minutes}))


@require_http_methods(["GET", "HEAD", "POST"])
@localized
def enter(request: HttpRequest, secret: str) -> HttpResponseBase:
    """
    Show the destinations of a link, and enter one after a confirmation.

    Programs that scan email follow its links, so a GET changes nothing.
    """
    at, host_seller = timezone.now(), seller_of_host(request)
    try:
        if request.method != "POST":
            entrances = magic_links.find_entrances(secret, at=at, seller=host_seller)
            sellers = {entrance.customer.seller for entrance in entrances}
            seller = sellers.pop() if len(sellers) == 1 else None
            return mark_private(render_open_page(request, "enter.html", {"entrances": entrances}, seller=seller))
        number = request.POST.get("entrance", "")
        session_secret = magic_links.redeem_link(
            secret, number=int(number) if number.isdecimal() else -1, at=at, seller=host_seller
        )
    except magic_links.PortalLinkRefused as refusal:
        return mark_private(render_open_page(request, "no_such_link.html", {"reason": str(refusal)}, status=404))
    if previous_secret := request.COOKIES.get(COOKIE):
        sessions.end(previous_secret, at=at)
    rotate_token(request)
    response = mark_private(redirect_with_message("portal_overview"))
    response.set_cookie(
        COOKIE,
        session_secret,
        max_age=int(LONGEST_SESSION.total_seconds()),
        secure=settings.PRODUCTION,
        httponly=True,
        samesite="Lax",
    )
    return response


@require_POST
def sign_out(request: HttpRequest) -> HttpResponseBase:
    """End the session in the database; deleting only the cookie would leave it valid."""
    sessions.end(request.COOKIES.get(COOKIE, ""), at=timezone.now())
    response = mark_private(redirect_with_message("portal_sign_in"))
    response.delete_cookie(COOKIE, samesite="Lax")
    return response
