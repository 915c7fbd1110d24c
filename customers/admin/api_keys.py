"""API keys: issued with a secret that is shown once, rotated with an overlap, and revoked."""

from datetime import timedelta
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils import timezone
from unfold.admin import ModelAdmin
from unfold.contrib.filters.admin import BooleanRadioFilter
from unfold.decorators import action, display
from unfold.enums import ActionVariant
from unfold.widgets import (
    UnfoldAdminIntegerFieldWidget,
    UnfoldAdminSplitDateTimeVerticalWidget,
    UnfoldAdminTextInputWidget,
    UnfoldBooleanSwitchWidget,
)

from customers.api_keys import keys
from customers.models import ApiKey
from customers.models.api_keys import Scope

STATE_COLORS = {"works": "success", "sandbox": "warning", "expired": "danger", "revoked": "danger"}


class IssueForm(forms.Form):
    name = forms.CharField(
        max_length=120,
        widget=UnfoldAdminTextInputWidget,
        help_text="Where the key will be used, such as “production API, Frankfurt”.",
    )
    scopes = forms.MultipleChoiceField(
        choices=Scope.choices, widget=forms.CheckboxSelectMultiple, initial=[Scope.INGEST], label="It may"
    )
    sandbox = forms.BooleanField(
        required=False, widget=UnfoldBooleanSwitchWidget, label="Sandbox key: sees sandbox customers only"
    )
    expires_at = forms.SplitDateTimeField(
        required=False, widget=UnfoldAdminSplitDateTimeVerticalWidget, label="Expires (UTC); empty for never"
    )


class KeyRotationForm(forms.Form):
    hours = forms.IntegerField(
        label="Hours that the old key still works",
        min_value=0,
        max_value=keys.LONGEST_OVERLAP.days * 24,
        initial=24,
        widget=UnfoldAdminIntegerFieldWidget,
    )


@admin.register(ApiKey)
class ApiKeyAdmin(ModelAdmin):
    list_display = ("name", "prefix_shown", "scopes_shown", "state", "last_used_at", "created_at")
    list_filter = (("sandbox", BooleanRadioFilter),)
    search_fields = ("name", "prefix")
    ordering = ("-pk",)
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
    readonly_fields = fields
    actions_detail = ("rotate", "revoke")

    @display(description="Key", ordering="prefix")
    def prefix_shown(self, key: ApiKey) -> str:
        return f"{key.prefix}…"

    @display(description="May")
    def scopes_shown(self, key: ApiKey) -> str:
        return ", ".join(key.scopes)

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

    def has_change_permission(self, request: HttpRequest, obj: ApiKey | None = None) -> bool:
        """Reject edits: a key can only be rotated or revoked."""
        return False

    def has_replace_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return bool(request.user.has_perm("customers.change_apikey"))

    def has_delete_permission(self, request: HttpRequest, obj: ApiKey | None = None) -> bool:
        """Keep revoked keys, so that the audit log can still name them."""
        return False

    def add_view(self, request: HttpRequest, form_url: str = "", extra_context: Any = None) -> HttpResponse:
        if not self.has_add_permission(request):
            raise PermissionDenied
        form = IssueForm(request.POST or None)
        if request.method == "POST" and form.is_valid():
            try:
                key, secret = keys.issue(**form.cleaned_data, by=request.user, at=timezone.now())
            except keys.KeyRefused as refusal:
                form.add_error(None, str(refusal))
            else:
                return self._show(request, key, secret)
        return self.admin_site.confirmation(
            request,
            page=self,
            title="Issue an API key",
            consequences=[
                "Whoever has the key can do what you tick below.",
                "Its secret is shown once, on the next page, and kept nowhere.",
            ],
            form=form,
            verb="Issue key",
        )

    @action(description="Rotate", icon="autorenew", permissions=["replace"])
    def rotate(self, request: HttpRequest, object_id: str) -> HttpResponse:
        key = self._key(request, object_id)
        form = KeyRotationForm(request.POST or None)
        if request.method == "POST" and form.is_valid():
            overlap = timedelta(hours=form.cleaned_data["hours"])
            try:
                new_key, secret = keys.rotate(key=key, overlap=overlap, by=request.user, at=timezone.now())
            except keys.KeyRefused as refusal:
                form.add_error(None, str(refusal))
            else:
                return self._show(request, new_key, secret)
        return self.admin_site.confirmation(
            request,
            page=self,
            obj=key,
            title=f"Rotate {key.name}",
            consequences=[
                f"A new key with the same rights is made: {', '.join(key.scopes)}.",
                f"{key.prefix}… goes on for the time below, so that nothing fails meanwhile, and then stops.",
            ],
            form=form,
            verb="Rotate key",
        )

    @action(description="Revoke", icon="block", permissions=["replace"], variant=ActionVariant.DANGER)
    def revoke(self, request: HttpRequest, object_id: str) -> HttpResponse:
        key = self._key(request, object_id)
        if request.method == "POST":
            keys.revoke(key=key, at=timezone.now())
            messages.success(request, f"{key.prefix}… works no longer.")
            return HttpResponseRedirect(reverse("admin:customers_apikey_change", args=[key.pk]))
        last_use = (
            f"It was last used on {key.last_used_at:%d %b %Y, %H:%M} UTC."
            if key.last_used_at
            else "It was never used."
        )
        return self.admin_site.confirmation(
            request,
            page=self,
            obj=key,
            title=f"Revoke {key.name}",
            consequences=[
                f"Every request with {key.prefix}… is refused from now on.",
                last_use,
                "This cannot be undone.",
            ],
            verb="Revoke key",
            danger=True,
        )

    def _key(self, request: HttpRequest, object_id: str) -> ApiKey:
        key = self.get_object(request, object_id)
        if key is None:
            raise Http404(f"There is no API key {object_id}.")
        return key

    def _show(self, request: HttpRequest, key: ApiKey, secret: str) -> TemplateResponse:
        context = {
            **self.admin_site.each_context(request),
            "title": f"{key.name}: the secret",
            "name": key.name,
            "secret": secret,
            "back": reverse("admin:customers_apikey_changelist"),
        }
        request.current_app = self.admin_site.name
        return TemplateResponse(request, "staff/customers/secret.html", context)
