"""API keys: issued with a secret that is shown once, rotated with an overlap, and revoked."""

from datetime import timedelta

from django import forms
from django.contrib import admin
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from unfold.decorators import display
from unfold.enums import ActionVariant

from customers.admin.secret_page import secret_page
from customers.api_keys import keys
from customers.models import ApiKey
from customers.models.api_keys import Scope
from lib.admin import ConfirmedAction, Preview, StaffAdmin, StaffForm, list_url
from lib.admin.columns import column

STATE_COLORS = {"works": "success", "sandbox": "warning", "expired": "danger", "revoked": "danger"}


class IssueForm(StaffForm):
    name = forms.CharField(
        max_length=120, help_text="Where the key will be used, such as “production API, Frankfurt”."
    )
    scopes = forms.MultipleChoiceField(
        choices=Scope.choices, widget=forms.CheckboxSelectMultiple, initial=[Scope.INGEST], label="It may"
    )
    sandbox = forms.BooleanField(required=False, label="Sandbox key: sees sandbox customers only")
    expires_at = forms.SplitDateTimeField(required=False, label="Expires (UTC); empty for never")


class KeyRotationForm(StaffForm):
    hours = forms.IntegerField(
        label="Hours that the old key still works", min_value=0, max_value=keys.LONGEST_OVERLAP.days * 24, initial=24
    )


class IssueKey(ConfirmedAction[None]):
    verb = "Issue key"
    permission = "customers.add_apikey"
    form_class = IssueForm
    refusals = (keys.KeyRefused,)
    title = "Issue an API key"
    consequences = [
        "Whoever has the key can do what you tick below.",
        "Its secret is shown once, on the next page, and kept nowhere.",
    ]

    def find(self) -> None:
        return None

    def run(self, subject: None) -> HttpResponse:
        return show_key(self.request, *keys.issue(**self.choices, by=self.user, at=timezone.now()))


class KeyAction(ConfirmedAction[ApiKey]):
    """A key is never edited; it is rotated or revoked."""

    permission = "customers.change_apikey"
    refusals = (keys.KeyRefused,)


class RotateKey(KeyAction):
    """Issue a key in place of another, which works on for a while."""

    label, icon, verb = "Rotate", "autorenew", "Rotate key"
    form_class = KeyRotationForm

    def preview(self, key: ApiKey) -> Preview:
        return Preview(
            title=f"Rotate {key.name}",
            consequences=[
                f"A new key with the same rights is made: {', '.join(key.scopes)}.",
                f"{key.prefix}… goes on for the time below, so that nothing fails meanwhile, and then stops.",
            ],
        )

    def run(self, key: ApiKey) -> HttpResponse:
        overlap = timedelta(hours=self.choices["hours"])
        return show_key(self.request, *keys.rotate(key=key, overlap=overlap, by=self.user, at=timezone.now()))


class RevokeKey(KeyAction):
    label, icon, variant, verb = "Revoke", "block", ActionVariant.DANGER, "Revoke key"
    danger = True

    def preview(self, key: ApiKey) -> Preview:
        last_use = (
            f"It was last used on {key.last_used_at:%d %b %Y, %H:%M} UTC."
            if key.last_used_at
            else "It was never used."
        )
        return Preview(
            title=f"Revoke {key.name}",
            consequences=[
                f"Every request with {key.prefix}… is refused from now on.",
                last_use,
                "This cannot be undone.",
            ],
        )

    def run(self, key: ApiKey) -> HttpResponse:
        keys.revoke(key=key, at=timezone.now())
        return self.done(f"{key.prefix}… works no longer.")


def show_key(request: HttpRequest, key: ApiKey, secret: str) -> HttpResponse:
    return secret_page(request, title=f"{key.name}: the secret", name=key.name, secret=secret, back=list_url(ApiKey))


@admin.register(ApiKey)
class ApiKeyAdmin(StaffAdmin):
    """Revoked keys are kept, so that the audit log can still name them."""

    allows = ("add",)
    list_display = ("name", "prefix_shown", "scopes_shown", "state", "last_used_at", "created_at")
    list_filter = ("sandbox",)
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

    prefix_shown = column("Key", lambda key: f"{key.prefix}…", ordering="prefix")
    scopes_shown = column("May", lambda key: ", ".join(key.scopes))

    @display(description="State", label=STATE_COLORS)
    def state(self, key: ApiKey) -> tuple[str, str]:
        if key.revoked_at is not None:
            return "revoked", "revoked"
        if key.expires_at is not None and key.expires_at <= timezone.now():
            return "expired", "expired"
        return ("sandbox", "works in the sandbox") if key.sandbox else ("works", "works")

    @display(description="State")
    def state_in_words(self, key: ApiKey) -> str:
        return self.state(key)[1]
