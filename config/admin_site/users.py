"""The pages of staff users."""

from typing import Any

from allauth.mfa.models import Authenticator
from allauth.usersessions.models import UserSession
from django import forms
from django.contrib import admin, messages
from django.contrib.auth.admin import UserAdmin as PlainUserAdmin
from django.contrib.auth.models import User
from django.db import transaction
from django.http import HttpRequest
from django.urls import URLPattern
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from unfold.contrib.filters.admin import BooleanRadioFilter, RelatedDropdownFilter
from unfold.forms import UserChangeForm

from access.sign_in.invitations import mail_password_link
from config.admin_site.user_actions import EndSessions, MailPasswordLink, RemoveSecondFactors
from customers.models import StaffSeller
from lib.admin import StaffAdmin, StaffInline
from lib.admin.seller_restriction import OF_ALL_SELLERS

admin.site.unregister(User)

FACTOR_NAMES = {
    Authenticator.Type.TOTP: _("authenticator app"),
    Authenticator.Type.WEBAUTHN: _("passkey"),
    Authenticator.Type.RECOVERY_CODES: _("recovery codes"),
}


class InvitationForm(forms.ModelForm):  # type: ignore[type-arg]  # Django's class takes none at run time
    """A new staff user, who chooses the password by a mailed link."""

    class Meta:
        model = User
        fields = ("username", "first_name", "last_name", "email", "groups")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["email"].required = True
        self.fields["email"].help_text = _("A link to choose a password is mailed there.")


class StaffSellerInline(StaffInline):
    """The sellers that a user is restricted to. As with permissions, only superusers change them."""

    model = StaffSeller
    verbose_name = _("seller")
    verbose_name_plural = _("Restricted to these sellers (none: sees all)")
    autocomplete_fields = ("seller",)

    def has_view_permission(self, request: HttpRequest, obj: User | None = None) -> bool:
        return True  # of the user's page

    def has_add_permission(self, request: HttpRequest, *parent: Any) -> bool:
        return bool(request.user.is_superuser)

    def has_change_permission(self, request: HttpRequest, obj: User | None = None) -> bool:
        return bool(request.user.is_superuser)

    def has_delete_permission(self, request: HttpRequest, obj: User | None = None) -> bool:
        return bool(request.user.is_superuser)


@admin.register(User)
class UserAdmin(StaffAdmin, PlainUserAdmin):  # type: ignore[type-arg]  # Django's class takes none at run time
    seller_paths = OF_ALL_SELLERS
    ordering = ("username",)
    form = UserChangeForm
    add_form = InvitationForm
    add_fieldsets = ((None, {"fields": InvitationForm.Meta.fields}),)
    actions_detail = ("mail_password_link", "end_sessions", "remove_second_factors")
    mail_password_link = MailPasswordLink.as_action()
    end_sessions = EndSessions.as_action()
    remove_second_factors = RemoveSecondFactors.as_action()
    list_display = ("username", "first_name", "last_name", "email", "is_staff", "is_active", "last_login")
    list_filter = (
        ("is_staff", BooleanRadioFilter),
        ("is_active", BooleanRadioFilter),
        ("groups", RelatedDropdownFilter),
    )
    fieldsets = (
        (None, {"fields": ("username",)}),
        (_("Person"), {"fields": ("first_name", "last_name", "email")}),
        (_("Permissions"), {"fields": ("is_active", "is_staff", "is_superuser", "groups")}),
        (_("Activity"), {"fields": ("last_login", "date_joined", "second_factors", "sessions")}),
    )
    readonly_fields = ("last_login", "date_joined", "second_factors", "sessions")
    filter_horizontal = ("groups",)
    inlines = (StaffSellerInline,)

    def get_readonly_fields(self, request: HttpRequest, obj: User | None = None) -> Any:
        """Let only superusers change permissions."""
        fixed = super().get_readonly_fields(request, obj)
        return fixed if request.user.is_superuser else (*fixed, "is_superuser", "is_staff", "groups")

    def has_change_permission(self, request: HttpRequest, obj: User | None = None) -> bool:
        """Let only superusers change superusers, whose account they would take over by a new mailbox."""
        if obj is not None and obj.is_superuser and not request.user.is_superuser:
            return False
        return super().has_change_permission(request, obj)

    def get_urls(self) -> list[URLPattern]:
        """Leave out the page on which one person types another's password."""
        return [url for url in super().get_urls() if getattr(url, "name", "") != "auth_user_password_change"]

    def save_model(self, request: HttpRequest, user: User, form: Any, change: bool) -> None:
        if not change:
            user.is_staff = True
            user.set_unusable_password()
        super().save_model(request, user, form, change)
        if not change:
            transaction.on_commit(lambda: self._invite(request, user))

    def _invite(self, request: HttpRequest, user: User) -> None:
        try:
            mail_password_link(user, invited_by=request.user, request=request)  # type: ignore[arg-type]  # staff
        except OSError as error:
            text = gettext("The invitation could not be sent (%(error)s). Use “Mail password link” later.")
            messages.error(request, text % {"error": error})
        else:
            messages.success(request, gettext("An invitation is on its way to %(email)s.") % {"email": user.email})

    @admin.display(description=_("Second factors"))
    def second_factors(self, user: User) -> str:
        kinds = Authenticator.objects.filter(user=user).order_by("type", "pk").values_list("type", flat=True)
        return ", ".join(str(FACTOR_NAMES[Authenticator.Type(kind)]) for kind in kinds) or gettext("none")

    @admin.display(description=_("Sessions"))
    def sessions(self, user: User) -> str:
        sessions = UserSession.objects.filter(user=user).order_by("-created_at")[:10]
        lines = [f"{session.ip}, {session.created_at:%Y-%m-%d %H:%M}" for session in sessions]
        return "; ".join(lines) or gettext("none")
