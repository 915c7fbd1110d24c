"""Single sign-on by OpenID Connect: the provider's groups decide who gets in, and into which groups."""

from typing import Any

from allauth.core.exceptions import ImmediateHttpResponse
from allauth.socialaccount.adapter import DefaultSocialAccountAdapter
from allauth.socialaccount.models import SocialLogin
from django.conf import settings
from django.contrib.auth.models import Group, User
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext as _


class SingleSignOnAdapter(DefaultSocialAccountAdapter):
    """
    Makes a staff account at the first sign-in, and updates its groups at each.

    An existing account is used if the provider has verified its mailbox; the provider is the company's own.

    Source: docs/security.md#single-sign-on.
    """

    def is_open_for_signup(self, request: HttpRequest, sociallogin: SocialLogin) -> bool:
        return True

    def can_authenticate_by_email(self, login: SocialLogin, email: str) -> bool:
        return True

    def pre_social_login(self, request: HttpRequest, sociallogin: SocialLogin) -> None:
        """
        Update the groups of a known user.

        :raises ImmediateHttpResponse: status 403, if no group of the provider maps to one of ours, or the provider
            has not verified a mailbox that an account here has.
        """
        groups = mapped_groups(sociallogin.account.extra_data)
        user = sociallogin.user
        if sociallogin.is_existing:
            update_groups(user, groups)
        elif groups and User.objects.filter(email__iexact=user.email).exclude(email="").exists():
            raise ImmediateHttpResponse(_refuse(request, _("The provider has not verified your email address.")))
        if not groups:
            raise ImmediateHttpResponse(
                _refuse(request, _("Your account is in none of the groups that may sign in."))
            )

    def save_user(self, request: HttpRequest, sociallogin: SocialLogin, form: Any = None) -> User:
        user: User = super().save_user(request, sociallogin, form)
        update_groups(user, mapped_groups(sociallogin.account.extra_data))
        return user


def mapped_groups(claims: dict[str, Any]) -> set[str]:
    """Return the names of our groups that a user's claims map to."""
    claimed: set[str] = set()
    for source in (claims.get("userinfo") or {}, claims.get("id_token") or {}):
        names = source.get(settings.OIDC_GROUPS_CLAIM) or []
        claimed |= {names} if isinstance(names, str) else {name for name in names if isinstance(name, str)}
    return {ours for theirs, ours in settings.OIDC_GROUPS.items() if theirs in claimed}


def update_groups(user: User, names: set[str]) -> None:
    """
    Give a user these groups, and take away the others that the mapping knows.

    An administrator decides on groups that it does not know.
    """
    with transaction.atomic():
        mapped = Group.objects.filter(name__in=settings.OIDC_GROUPS.values())
        user.groups.remove(*mapped.exclude(name__in=names))
        user.groups.add(*mapped.filter(name__in=names))
        if names and not user.is_staff:
            User.objects.filter(pk=user.pk).update(is_staff=True)
            user.is_staff = True


def _refuse(request: HttpRequest, reason: str) -> HttpResponse:
    return render(request, "access/refused.html", {"title": _("You can't sign in"), "reason": reason}, status=403)
