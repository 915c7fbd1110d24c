"""The language of the portal: chosen in the footer, or the customer's, or the browser's."""

from collections.abc import Callable
from functools import wraps
from typing import Any

from django import forms
from django.conf import settings
from django.http import HttpRequest, HttpResponseRedirect
from django.http.response import HttpResponseBase
from django.urls import reverse
from django.utils import translation
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_POST

from lib.locales import supported_language

COOKIE = f"{settings.COOKIE_PREFIX}portal_language"
PATH = "/portal/"
YEAR_SECONDS = 365 * 86_400


class LanguageForm(forms.Form):
    language = forms.ChoiceField(label=_("Language"), choices=settings.LANGUAGES)
    next = forms.CharField(required=False)


def portal_language(request: HttpRequest, locale: str | None = None) -> str:
    """Return the language of a request. locale: the signed-in customer's; None before sign-in."""
    chosen = supported_language(request.COOKIES.get(COOKIE, ""))
    if chosen is not None:
        return chosen
    if locale is None:
        return translation.get_language_from_request(request)
    return supported_language(locale) or settings.LANGUAGE_CODE


def framed_language(request: HttpRequest, locale: str | None = None) -> str:
    """Return the language of a page in a frame: its address may name one, since the page offers no choice."""
    return supported_language(request.GET.get("language", "")) or portal_language(request, locale)


def localized(page: Callable[..., HttpResponseBase]) -> Callable[..., HttpResponseBase]:
    """Make a page without a signed-in customer respond in the visitor's language."""

    @wraps(page)
    def wrapped(request: HttpRequest, *args: Any, **names: Any) -> HttpResponseBase:
        with translation.override(portal_language(request)):
            return page(request, *args, **names)

    return wrapped


@require_POST
def choose_language(request: HttpRequest) -> HttpResponseBase:
    """Remember the language that a visitor has chosen in the footer, and return to the page."""
    form = LanguageForm(request.POST)
    if not form.is_valid():
        return HttpResponseRedirect(reverse("portal_overview"), status=303)
    address = form.cleaned_data["next"]
    if not address.startswith(PATH) or not url_has_allowed_host_and_scheme(address, allowed_hosts=None):
        address = reverse("portal_overview")
    response = HttpResponseRedirect(address, status=303)
    response.set_cookie(
        COOKIE,
        form.cleaned_data["language"],
        max_age=YEAR_SECONDS,
        secure=settings.PRODUCTION,
        httponly=True,
        samesite="Lax",
    )
    return response
