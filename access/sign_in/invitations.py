"""Invitations of staff: a link to choose a password, so that nobody types another person's."""

from allauth.account.adapter import get_adapter
from allauth.account.forms import default_token_generator
from allauth.account.utils import user_pk_to_url_str
from django.conf import settings
from django.contrib.auth.models import User
from django.http import HttpRequest
from django.urls import reverse


def mail_password_link(user: User, *, invited_by: User, request: HttpRequest) -> None:
    """
    Mail a user a link to choose a password. It works once, for PASSWORD_RESET_TIMEOUT.

    :raises OSError: if the mail server refuses the mail or can't be reached.
    """
    key = default_token_generator.make_token(user)
    path = reverse("account_reset_password_from_key", args=[user_pk_to_url_str(user), key])
    context = {
        "user": user,
        "invited_by": invited_by.get_full_name() or invited_by.username,
        "link": request.build_absolute_uri(path),
        "days": settings.PASSWORD_RESET_TIMEOUT // (24 * 3600),
    }
    get_adapter(request).send_mail("account/email/invitation", user.email, context)
