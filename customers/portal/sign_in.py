"""Coming in and going out: ask for a mail, use a link, sign out."""

from datetime import timedelta

from django import forms
from django.conf import settings
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.middleware.csrf import rotate_token
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.http import require_http_methods, require_POST, require_safe
from kombu.exceptions import OperationalError

from customers.models.portal_access import LONGEST_SESSION
from customers.portal.visit import COOKIE, PATH, mark_private, redirect_with_message
from customers.portal_auth import magic_links, sessions
from customers.tasks import mail_portal_links

HOUR = timedelta(hours=1)


class MailForm(forms.Form):
    email = forms.EmailField(
        label="Your email address",
        max_length=254,
        widget=forms.EmailInput(attrs={"autocomplete": "email", "autofocus": True}),
    )


@require_http_methods(["GET", "HEAD", "POST"])
def sign_in(request: HttpRequest) -> HttpResponseBase:
    """Take the mailbox that a link is to go to; the answer is the same whoever it is of."""
    form = MailForm(request.POST or None, label_suffix="")
    if request.method == "POST" and form.is_valid():
        try:
            magic_links.request_link(
                email=form.cleaned_data["email"],
                address=_address(request),
                origin=portal_origin(request),
                at=timezone.now(),
            )
        except magic_links.TooManyLinkRequests as refusal:
            form.add_error(None, str(refusal))
            answer = mark_private(render(request, "portal/sign_in.html", {"form": form}, status=429))
            answer["Retry-After"] = str(int(HOUR.total_seconds()))
            return answer
        wake_mail_worker()
        return mark_private(redirect_with_message("portal_mailed"))
    return mark_private(render(request, "portal/sign_in.html", {"form": form}))


@require_safe
def mailed(request: HttpRequest) -> HttpResponseBase:
    minutes = int(magic_links.MAILED_LINK_LIFETIME.total_seconds() // 60)
    return mark_private(render(request, "portal/mailed.html", {"minutes": minutes}))


@require_http_methods(["GET", "HEAD", "POST"])
def enter(request: HttpRequest, secret: str) -> HttpResponseBase:
    """
    Show where a link leads, and go there when somebody says so.

    Programs that read mail before people do follow its links: so looking changes nothing.
    """
    at = timezone.now()
    try:
        if request.method != "POST":
            entrances = magic_links.find_entrances(secret, at=at)
            return mark_private(render(request, "portal/enter.html", {"entrances": entrances}))
        number = request.POST.get("entrance", "")
        begun = magic_links.redeem_link(secret, number=int(number) if number.isdecimal() else -1, at=at)
    except magic_links.PortalLinkRefused as refusal:
        return mark_private(render(request, "portal/no_such_link.html", {"why": str(refusal)}, status=404))
    if before := request.COOKIES.get(COOKIE):
        sessions.end(before, at=at)
    rotate_token(request)
    answer = mark_private(redirect_with_message("portal_overview"))
    answer.set_cookie(  # type: ignore[attr-defined]
        COOKIE,
        begun,
        max_age=int(LONGEST_SESSION.total_seconds()),
        path=PATH,
        secure=settings.PRODUCTION,
        httponly=True,
        samesite="Lax",
    )
    return answer


@require_POST
def sign_out(request: HttpRequest) -> HttpResponseBase:
    """End the session where it is kept; the cookie alone would open it again."""
    sessions.end(request.COOKIES.get(COOKIE, ""), at=timezone.now())
    answer = mark_private(redirect_with_message("portal_sign_in"))
    answer.delete_cookie(COOKIE, path=PATH, samesite="Lax")  # type: ignore[attr-defined]
    return answer


def portal_origin(request: HttpRequest) -> str:
    """Return where the portal is, as a link in a mail has to name it."""
    return settings.PUBLIC_URL or f"{request.scheme}://{request.get_host()}"


def _address(request: HttpRequest) -> str:
    """Return the network address that asks: the proxy's word for it, where there is one that may be believed."""
    if settings.SECURE_PROXY_SSL_HEADER:
        last = request.headers.get("X-Forwarded-For", "").rpartition(",")[2].strip()
        if last:
            return last
    return str(request.META.get("REMOTE_ADDR", ""))


def wake_mail_worker() -> None:
    """Ask a worker to send mails now; where none can be asked, beat does so within seconds."""
    try:
        mail_portal_links.delay()
    except OperationalError:
        return
