"""Actions on staff users: mail a link to choose a password, end sessions, remove lost second factors."""

from typing import Any

from allauth.mfa.models import Authenticator
from allauth.usersessions.models import UserSession
from django.contrib.auth.models import User
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.utils.translation import gettext as _t
from django.utils.translation import gettext_lazy as _

from access.audit_log import record_account_event
from access.models.audit_log import AccountEventKind
from access.sign_in.invitations import mail_password_link
from lib.admin import ConfirmedAction, Preview, Response


class UserAction(ConfirmedAction[User]):
    """An action on a user whom the acting one may change."""

    permission = "auth.change_user"

    def find(self, *args: Any, **arguments: Any) -> User:
        user = super().find(*args, **arguments)
        if not self.page.has_change_permission(self.request, user):
            raise PermissionDenied
        return user

    def log(self, user: User) -> None:
        """Store the action and its reason in the audit log, and so in the history of the user's page."""
        record_account_event(
            AccountEventKind.HELPED,
            request=self.request,
            user=user,
            way=str(self.label),
            by=self.user,
            reason=self.reason,
        )


class MailPasswordLink(UserAction):
    """Mail the user a link to choose a password."""

    label, icon, verb = _("Mail password link"), "mail", _("Mail link")
    is_offered = staticmethod(lambda user: user.is_active)
    title = _("Mail {} a link to choose a password")
    refusals = (OSError,)

    def preview(self, user: User) -> Preview:
        sentence = _t("The link goes to %(email)s and works once. The present password works until then.")
        return Preview(
            title=str(self.title).format(user),
            consequences=[sentence % {"email": user.email}],
            problems=[] if user.email else [_t("The user has no email address. Enter one first.")],
        )

    def run(self, user: User) -> Response:
        mail_password_link(user, invited_by=self.user, request=self.request)
        return self.done(_t("A link is on its way to %(email)s.") % {"email": user.email})


class EndSessions(UserAction):
    """Sign the user out everywhere."""

    label, icon, verb = _("End sessions"), "logout", _("End sessions")
    title = _("Sign {} out everywhere")
    consequences = [_("All browsers in which the user is signed in have to sign in again.")]

    def run(self, user: User) -> Response:
        end_sessions(user)
        self.log(user)
        return self.done(_t("All sessions of %(user)s have ended.") % {"user": user})


class RemoveSecondFactors(UserAction):
    """Remove the second factors of a user who has lost them."""

    label, icon, verb = _("Remove second factors"), "phonelink_erase", _("Remove second factors")
    danger = True
    title = _("Remove the second factors of {}")
    consequences = [
        _("The authenticator app, the passkeys and the recovery codes stop working, and all sessions end."),
        _("The next sign-in needs the password alone, and sets up a new second factor if the user's role needs one."),
        _("First make sure, by another way than email, that the person is who they say they are."),
    ]
    missing_reason = _("Enter how you made sure of the person.")

    def run(self, user: User) -> Response:
        with transaction.atomic():
            Authenticator.objects.filter(user=user).delete()
            end_sessions(user)
            self.log(user)
        return self.done(_t("The second factors of %(user)s were removed.") % {"user": user})


def end_sessions(user: User) -> None:
    """End the sessions of a user in all browsers."""
    for session in UserSession.objects.filter(user=user):
        session.end()
