"""How allauth's flows differ here: closed to strangers, delayed after failures, secrets encrypted."""

import math
import time
from datetime import datetime
from typing import Any

from allauth.account.adapter import DefaultAccountAdapter
from allauth.account.app_settings import REAUTHENTICATION_TIMEOUT
from allauth.account.authentication import get_authentication_records
from allauth.account.models import Login
from allauth.core import context
from allauth.core.exceptions import ImmediateHttpResponse
from allauth.mfa.adapter import DefaultMFAAdapter
from django.contrib.auth.models import User
from django.http import HttpRequest, HttpResponse
from django.template.loader import render_to_string
from django.utils import timezone
from django.utils.translation import gettext as _

from access.audit_log.account_events import record_account_event
from access.models.audit_log import AccountEventKind
from access.rate_limits.buckets import rate_limit
from access.sign_in import lock_out
from access.sign_in.second_factor import has_second_factor
from lib.client_address import client_address, subscriber_address
from lib.encryption import decrypt, encrypt

NO_ADDRESS = "0.0.0.0"  # noqa: S104  # nothing listens on it; sessions without an address have it


class StaffAdapter(DefaultAccountAdapter):
    """
    Accounts are made by invitation or single sign-on, never by signing up.

    Source: docs/security.md#sign-in.
    """

    def is_open_for_signup(self, request: HttpRequest) -> bool:
        return False

    def get_client_ip(self, request: HttpRequest) -> str:
        return client_address(request) or NO_ADDRESS

    def pre_authenticate(self, request: HttpRequest, **credentials: Any) -> None:
        """
        Count a try before the password is compared.

        :raises ImmediateHttpResponse: status 429, if the address or the account with it must wait.
        """
        address, limit = subscriber_address(request), rate_limit("sign-in")
        if limit.take(address) < 0:
            raise ImmediateHttpResponse(_refuse(request, limit.refusal_headers()))
        now = timezone.now()
        try:
            lock_out.count_try(name=credentials["username"], address=address, at=now)
        except lock_out.TooManyFailures as refusal:
            raise ImmediateHttpResponse(_refuse(request, _headers_of(refusal, now))) from refusal

    def authenticate(self, request: HttpRequest, **credentials: Any) -> Any:
        user = super().authenticate(request, **credentials)
        if user is not None:
            lock_out.forget(name=credentials["username"], address=subscriber_address(request))
        else:
            # Without the entered name: people type passwords there, too.
            owner = User.objects.filter(username=credentials["username"]).first()
            record_account_event(AccountEventKind.FAILED, request=request, user=owner)
        return user

    def login(self, request: HttpRequest, user: User) -> None:
        super().login(request, user)
        ways = [record["method"] for record in get_authentication_records(request, user)]
        record_account_event(AccountEventKind.SIGNED_IN, request=request, user=user, way=" + ".join(ways))

    def logout(self, request: HttpRequest) -> None:
        if isinstance(request.user, User):
            record_account_event(AccountEventKind.SIGNED_OUT, request=request, user=request.user)
        super().logout(request)

    def send_notification_mail(self, template_prefix: str, user: User, *args: Any, **options: Any) -> None:
        """Mail the user about a change of their password or second factor, which is also recorded."""
        record_account_event(
            AccountEventKind.SETTING, request=self.request, user=user, way=template_prefix.rpartition("/")[2]
        )
        super().send_notification_mail(template_prefix, user, *args, **options)

    def is_reauthentication_required(self, *, app: str, **options: Any) -> bool:
        """Ask again for the password, or a factor, only some minutes after the sign-in."""
        request = context.request
        records = get_authentication_records(request, request.user) if request.user.is_authenticated else []
        latest = max((record["at"] for record in records), default=0)
        return bool(time.time() - latest > REAUTHENTICATION_TIMEOUT)

    def is_login_by_code_required(self, login: Login) -> bool:
        """
        Demand a mailed code from people without a second factor whose account is under attack: someone may have
        guessed the password.

        A person without a mailbox can't get a code; to refuse them would let an attacker lock them out.
        """
        user = login.user
        if user is None or not user.email or has_second_factor(user):
            return False
        methods = [record["method"] for record in get_authentication_records(self.request, user)]
        return methods[-1:] == ["password"] and lock_out.is_attacked(user.username, at=timezone.now())


class StaffMfaAdapter(DefaultMFAAdapter):
    """Second factors: the keys of authenticator apps are encrypted in the database."""

    def encrypt(self, text: str) -> str:
        return encrypt(text)

    def decrypt(self, encrypted_text: str) -> str:
        return decrypt(encrypted_text)

    def get_totp_label(self, user: User) -> str:
        return user.get_username()


def _headers_of(refusal: lock_out.TooManyFailures, now: datetime) -> dict[str, str]:
    return {"Retry-After": str(max(math.ceil((refusal.until - now).total_seconds()), 1))}


def _refuse(request: HttpRequest, headers: dict[str, str]) -> HttpResponse:
    minutes = math.ceil(int(headers["Retry-After"]) / 60)
    context = {"minutes": minutes, "title": _("Too many failed sign-ins")}
    return HttpResponse(render_to_string("access/wait.html", context, request), status=429, headers=headers)
