"""API keys: issued with a secret that is shown once, rotated with an overlap, and revoked."""

from datetime import timedelta
from typing import cast

from django import forms
from django.contrib import admin
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from unfold.enums import ActionVariant

from customers.admin.secret_page import secret_page
from customers.api_keys import keys
from customers.models import ApiKey
from customers.models.api_keys import Scope
from lib.admin import ConfirmedAction, Preview, StaffAdmin, StaffForm, is_allowed, list_url, require
from lib.admin.columns import column, display
from lib.admin.seller_restriction import OF_ALL_SELLERS

SEE_REVENUE = "billing.view_recurringrevenue"
"""Needed to get a key that reads revenue: engineers make keys, but see no revenue."""

REVENUE_SCOPES = frozenset([Scope.REVENUE_READ, Scope.REVENUE_MANAGE])

STATE_COLORS = {"works": "success", "sandbox": "warning", "expired": "danger", "revoked": "danger"}


class IssueForm(StaffForm):
    name = forms.CharField(label=_("Name"), max_length=120, help_text=_("For example “production API, Frankfurt”."))
    scopes = forms.MultipleChoiceField(
        choices=Scope.choices, widget=forms.CheckboxSelectMultiple, initial=[Scope.INGEST], label=_("Scopes")
    )
    sandbox = forms.BooleanField(required=False, label=_("Sandbox customers only"))
    expires_at = forms.SplitDateTimeField(
        required=False, label=_("Expires (UTC)"), help_text=_("Empty: the key doesn't expire.")
    )


class KeyRotationForm(StaffForm):
    hours = forms.IntegerField(
        label=_("Overlap (hours)"),
        min_value=0,
        max_value=keys.LONGEST_OVERLAP.days * 24,
        initial=24,
        help_text=_("Both keys work during the overlap."),
    )


class IssueKey(ConfirmedAction[None]):
    verb = _("Create key")
    permission = "customers.add_apikey"
    form_class = IssueForm
    refusals = (keys.KeyRefused,)
    title = _("Create API key")
    consequences = (
        _("Anyone who has the key can use the scopes you select."),
        _("The secret is shown once, on the next page. It isn't stored."),
    )

    def find(self) -> None:
        return None

    def make_form(self, subject: None) -> IssueForm:
        form = IssueForm(self.posted)
        if not is_allowed(self.request, SEE_REVENUE):
            choices = [choice for choice in Scope.choices if choice[0] not in REVENUE_SCOPES]
            cast("forms.MultipleChoiceField", form.fields["scopes"]).choices = choices
        return form

    def run(self, subject: None) -> HttpResponse:
        return show_key(self.request, *keys.issue(**self.choices, by=self.user, at=timezone.now()))


class KeyAction(ConfirmedAction[ApiKey]):
    """A key is never edited; it is rotated or revoked."""

    permission = "customers.change_apikey"
    refusals = (keys.KeyRefused,)


class RotateKey(KeyAction):
    """Issue a key in place of another, which works on for a while."""

    label, icon, verb = _("Rotate"), "autorenew", _("Rotate key")
    form_class = KeyRotationForm

    def preview(self, key: ApiKey) -> Preview:
        is_withheld = bool(REVENUE_SCOPES.intersection(key.scopes)) and not is_allowed(self.request, SEE_REVENUE)
        return Preview(
            problems=[gettext("The key reads revenue, which you may not see. Ask finance to rotate it.")]
            if is_withheld
            else [],
            title=gettext("Rotate %(key)s") % {"key": key.name},
            consequences=[
                gettext("A new key with the same scopes is created: %(scopes)s.") % {"scopes": ", ".join(key.scopes)},
                gettext("The old key %(prefix)s… stops working after the overlap.") % {"prefix": key.prefix},
            ],
        )

    def run(self, key: ApiKey) -> HttpResponse:
        if REVENUE_SCOPES.intersection(key.scopes):
            require(self.request, SEE_REVENUE)
        overlap = timedelta(hours=self.choices["hours"])
        return show_key(self.request, *keys.rotate(key=key, overlap=overlap, by=self.user, at=timezone.now()))


class RevokeKey(KeyAction):
    label, icon, variant, verb = _("Revoke"), "block", ActionVariant.DANGER, _("Revoke key")
    danger = True

    def preview(self, key: ApiKey) -> Preview:
        last_use = gettext("The key was never used.")
        if key.last_used_at:
            time = date_format(timezone.localtime(key.last_used_at), "DATETIME_FORMAT")
            last_use = gettext("The key was last used on %(time)s UTC.") % {"time": time}
        return Preview(
            title=gettext("Revoke %(key)s") % {"key": key.name},
            consequences=[
                gettext("Requests with %(prefix)s… are rejected at once.") % {"prefix": key.prefix},
                last_use,
                gettext("This can't be undone."),
            ],
        )

    def run(self, key: ApiKey) -> HttpResponse:
        keys.revoke(key=key, at=timezone.now())
        return self.done(gettext("The key %(prefix)s… was revoked.") % {"prefix": key.prefix})


def show_key(request: HttpRequest, key: ApiKey, secret: str) -> HttpResponse:
    title = gettext("Secret of %(name)s") % {"name": key.name}
    return secret_page(request, title=title, secret=secret, back=list_url(ApiKey))


@admin.register(ApiKey)
class ApiKeyAdmin(StaffAdmin):
    """Revoked keys are kept, so that the audit log can still name them."""

    seller_paths = OF_ALL_SELLERS
    allows = ("add",)
    empty_text = _("Your product needs an API key to send usage events.")
    list_display = ("name", "prefix_shown", "scopes_shown", "state", "last_used_at", "created_at")
    search_fields = ("name", "prefix")
    fields = (
        "name",
        "prefix_shown",
        "scopes_shown",
        "state_in_words",
        "created_at",
        "created_by",
        "expires_at",
        "last_used_at",
    )
    actions_detail = ("rotate", "revoke")

    add_view = IssueKey.as_action()  # type: ignore[assignment]  # in place of the form
    rotate = RotateKey.as_action()
    revoke = RevokeKey.as_action()

    prefix_shown = column(_("Key"), lambda key: f"{key.prefix}…", ordering="prefix")
    scopes_shown = column(_("Scopes"), lambda key: ", ".join(key.scopes))

    @display(description=_("State"), label=STATE_COLORS)
    def state(self, key: ApiKey) -> tuple[str, str]:
        if key.revoked_at is not None:
            return "revoked", gettext("revoked")
        if key.expires_at is not None and key.expires_at <= timezone.now():
            return "expired", gettext("expired")
        return ("sandbox", gettext("active, sandbox only")) if key.sandbox else ("works", gettext("active"))

    @display(description=_("State"))
    def state_in_words(self, key: ApiKey) -> str:
        return self.state(key)[1]
