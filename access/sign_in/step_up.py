"""Sensitive acts ask again for the password or a factor: docs/security.md#sensitive-acts."""

import time
from collections.abc import Callable
from typing import Any

from allauth.account.adapter import get_adapter
from allauth.account.authentication import get_authentication_records
from allauth.usersessions.models import UserSession
from django.conf import settings
from django.contrib.auth import REDIRECT_FIELD_NAME
from django.contrib.auth.models import User
from django.http import HttpRequest, HttpResponseBase, HttpResponseRedirect
from django.urls import reverse
from django.utils.http import urlencode

SENSITIVE_FORMS = frozenset(
    {
        "admin:access_approvalrequest_approve",
        "admin:access_approvalrule_change_rule",
        "admin:auth_group_add",
        "admin:auth_group_delete",
        "admin:auth_user_add",
        "admin:auth_user_delete",
        "admin:auth_user_end_sessions",
        "admin:auth_user_mail_password_link",
        "admin:auth_user_remove_second_factors",
        "admin:billing_droptarget_add",
        "admin:billing_job_grant_promotions",
        "admin:billing_synctarget_add",
        "admin:customers_apikey_add",
        "admin:customers_apikey_rotate",
        "admin:customers_customer_erase_personal",
        "admin:customers_customer_export_personal",
        "admin:customers_seller_merchant_account",
        "admin:customers_webhookendpoint_add",
        "admin:customers_webhookendpoint_rotate",
        "admin:invoices_invoice_credit",
        "admin:invoices_invoice_write_off",
        "admin:invoices_refund_paid_by_hand",
        "admin:plans_planversion_publish_at",
        "admin:plans_planversion_publish_now",
        "admin:wallets_lot_refund",
        "admin:wallets_wallet_grant",
        "admin:wallets_wallet_transfer",
    }
)
"""Names of the views whose form is asked for and sent only after a recent sign-in."""

SENSITIVE_POSTS = frozenset(
    {
        "admin:auth_group_change",
        "admin:auth_user_change",
        "admin:billing_droptarget_change",
        "admin:billing_synctarget_change",
        "usersessions_list",
    }
)
"""Names of views that also show rows, and ask only before a change."""

CONFIRMATIONS = frozenset({"account_reauthenticate", "mfa_reauthenticate", "mfa_reauthenticate_webauthn"})
"""Names of the views that ask again for the password or a factor."""


class StepUpMiddleware:
    """
    Sends users to confirm who they are before a sensitive act, if they last did so STEP_UP_SECONDS ago.

    A confirmed session gets a new key, as after a sign-in.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        began_at = time.time()
        response = self.get_response(request)
        match = request.resolver_match
        if match and match.view_name in CONFIRMATIONS and request.method == "POST":
            _renew_key(request, since=began_at)
        return response

    def process_view(self, request: HttpRequest, *view: Any) -> HttpResponseBase | None:
        user, match = request.user, request.resolver_match
        if not isinstance(user, User) or match is None or not settings.STEP_UP_SECONDS:
            return None
        is_sensitive = match.view_name in SENSITIVE_FORMS or (
            match.view_name in SENSITIVE_POSTS and request.method == "POST"
        )
        if not is_sensitive or time.time() - _confirmed_at(request, user) < settings.STEP_UP_SECONDS:
            return None
        # The form is shown again afterwards; the confirmation comes before it is filled in, unless it took long.
        query = urlencode({REDIRECT_FIELD_NAME: request.get_full_path()})
        return HttpResponseRedirect(f"{_confirmation_url(user)}?{query}")


def _confirmed_at(request: HttpRequest, user: User) -> float:
    return max((record["at"] for record in get_authentication_records(request, user)), default=0)


def _confirmation_url(user: User) -> str:
    """Return the page that asks for the password or a factor; for users with neither, single sign-on."""
    methods = get_adapter().get_reauthentication_methods(user)
    if methods:
        return str(methods[0]["url"])
    return reverse("openid_connect_login", args=["sso"]) if settings.OIDC_URL else reverse("account_login")


def _renew_key(request: HttpRequest, *, since: float) -> None:
    user, former_key = request.user, request.session.session_key
    if not isinstance(user, User) or _confirmed_at(request, user) < since:
        return
    request.session.cycle_key()
    UserSession.objects.filter(session_key=former_key).update(session_key=request.session.session_key)
