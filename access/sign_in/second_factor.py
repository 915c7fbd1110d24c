"""
Who needs a second factor, and whether a session has one: docs/security.md#second-factor.

A signed-in user who needs one opens nothing but the pages that set it up or ask for it.
"""

from collections.abc import Callable
from typing import Any

from allauth.account.authentication import get_authentication_records
from allauth.mfa.models import Authenticator
from django.conf import settings
from django.contrib import messages
from django.contrib.auth import REDIRECT_FIELD_NAME
from django.contrib.auth.models import User
from django.http import HttpRequest, HttpResponseBase, HttpResponseRedirect
from django.urls import reverse
from django.utils.http import urlencode
from django.utils.translation import gettext as _

EVERYONE = "all"

FACTORS = (Authenticator.Type.TOTP, Authenticator.Type.WEBAUTHN)
"""Recovery codes replace one of these; alone they are none."""

OPEN_VIEWS = frozenset(
    {
        "account_login",
        "account_logout",
        "account_inactive",
        "account_reauthenticate",
        "admin:login",
        "admin:logout",
        "mfa_authenticate",
        "mfa_login_webauthn",
        "mfa_reauthenticate",
        "mfa_reauthenticate_webauthn",
    }
)
"""Names of the views that a user may open whose session lacks the second factor."""

SETUP_VIEWS = frozenset({"mfa_index", "mfa_activate_totp", "mfa_add_webauthn"})
"""Views that such a user may open as well, as long as they have no second factor at all."""


def is_second_factor_required(user: User) -> bool:
    """Return whether SECOND_FACTOR_GROUPS names one of the user's groups; superusers always need it then."""
    groups = settings.SECOND_FACTOR_GROUPS
    if not groups or not user.is_staff:
        return False
    return EVERYONE in groups or user.is_superuser or user.groups.filter(name__in=groups).exists()


def has_second_factor(user: User) -> bool:
    """Return whether a user has set up an authenticator app or a passkey."""
    return Authenticator.objects.filter(user=user, type__in=FACTORS).exists()


def is_confirmed(request: HttpRequest, user: User) -> bool:
    """Return whether the session began with a second factor, of ours or of the single sign-on that vouches for it."""
    methods = {record["method"] for record in get_authentication_records(request, user)}
    return "mfa" in methods or (settings.OIDC_HAS_SECOND_FACTOR and "socialaccount" in methods)


class SecondFactorMiddleware:
    """Sends users who lack the second factor that they need to the page that asks for it, from any other page."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        return self.get_response(request)

    def process_view(self, request: HttpRequest, *view: Any) -> HttpResponseBase | None:
        user = request.user
        match = request.resolver_match
        if not isinstance(user, User) or match is None or match.view_name in OPEN_VIEWS:
            return None
        if is_confirmed(request, user) or not is_second_factor_required(user):
            return None
        if has_second_factor(user):
            next_page = request.get_full_path() if request.method == "GET" else reverse("admin:index")
            query = urlencode({REDIRECT_FIELD_NAME: next_page})
            return HttpResponseRedirect(f"{reverse('mfa_reauthenticate')}?{query}")
        if match.view_name in SETUP_VIEWS:
            return None
        messages.warning(request, _("Your role needs a second factor. Set up an authenticator app or a passkey."))
        return HttpResponseRedirect(reverse("mfa_index"))
