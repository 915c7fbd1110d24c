"""Sync targets, and the state of their records."""

from collections.abc import Sequence
from typing import Any

from django.contrib import admin
from django.db.models import Count
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.utils import timezone
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from billing.admin.secret_target import SecretTargetAdmin, checked_address, secret_field
from billing.models import SyncRecord, SyncTarget
from billing.models.adapters import SyncState
from lib.admin import list_url, row_action
from lib.admin.columns import column, display
from lib.formats import format_number
from lib.row_form import RowForm

MAX_SECRET = 2_000
STATE_COLORS = {"active": "success", "paused": "warning", "disabled": "danger"}


class SyncTargetForm(RowForm[SyncTarget]):
    """The secret is stored encrypted and never shown again."""

    token = secret_field(
        _("Access token or client secret"),
        owner=_("Of a private app (HubSpot) or a custom connection (Xero)."),
        max_length=MAX_SECRET,
    )

    class Meta:
        model = SyncTarget
        fields = (
            *("seller", "kind", "base_url", "token", "client_id", "token_url", "account_code", "since"),
            "is_enabled",
        )

    def clean_base_url(self) -> str:
        return checked_address(self.cleaned_data["base_url"])

    def clean_token_url(self) -> str:
        return checked_address(self.cleaned_data["token_url"])

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean()
        # Otherwise a user could have the stored secret sent to an address of their own.
        moves = bool({"base_url", "token_url"} & set(self.changed_data))
        if moves and not cleaned.get("token"):
            self.add_error("token", _("Enter the secret: it is needed for each new address."))
        return cleaned


@admin.register(SyncTarget)
class SyncTargetAdmin(SecretTargetAdmin):
    secret_name = "token"  # noqa: S105  the name of a field
    seller_paths = ("seller",)
    allows = ("add", "change")  # the log of its records stays; a target is disabled instead
    form = SyncTargetForm
    list_display = ("seller", "kind", "state", "waiting", "failed", "refused", "synced")
    list_filter = ("seller", "kind", "is_enabled")
    list_select_related = ("seller",)
    fixed_fields = ("seller", "kind")
    readonly_fields = ("state_in_words",)
    actions_detail = ("records",)
    empty_text = _("Add your CRM or accounting system to push customers, subscriptions or invoices to it.")
    fieldsets = (
        (None, {"fields": ("seller", "kind", "base_url", "token", "is_enabled", "state_in_words")}),
        (_("Xero"), {"fields": ("client_id", "token_url", "account_code", "since")}),
    )

    def prepare_rows(self, request: HttpRequest, rows: Sequence[SyncTarget]) -> None:
        counts = (
            SyncRecord.objects.filter(target__in=[row.pk for row in rows])
            .values_list("target", "state")
            .annotate(number=Count("pk"))
        )
        by_target = {(target_id, state): number for target_id, state, number in counts}
        for row in rows:
            row.counts = {state: by_target.get((row.pk, state), 0) for state in SyncState.values}  # type: ignore[attr-defined]

    waiting = column(_("Waiting"), lambda target: format_number(target.counts[SyncState.WAITING]))
    failed = column(_("Failed"), lambda target: format_number(target.counts[SyncState.FAILED]))
    refused = column(_("Refused"), lambda target: format_number(target.counts[SyncState.REFUSED]))
    synced = column(_("Synced"), lambda target: format_number(target.counts[SyncState.SYNCED]))

    @display(description=_("State"), label=STATE_COLORS)
    def state(self, target: SyncTarget) -> tuple[str, str]:
        if not target.is_enabled:
            return "disabled", gettext("disabled")
        if target.paused_until is not None and target.paused_until > timezone.now():
            return "paused", gettext("paused: %(reason)s") % {"reason": target.error[:80]}
        return "active", gettext("active")

    state_in_words = column(_("Last problem"), lambda target: target.error or gettext("none"))

    def save_model(self, request: HttpRequest, obj: SyncTarget, form: Any, change: bool) -> None:
        # The user has corrected what was rejected, so the target is tried again at once.
        obj.paused_until, obj.error = None, ""
        super().save_model(request, obj, form, change)

    @row_action(_("Records"), icon="list", permission="billing.view_syncrecord")
    def records(self, request: HttpRequest, target: SyncTarget) -> HttpResponse:
        """Redirect to the records of the target."""
        return HttpResponseRedirect(f"{list_url(SyncRecord)}?target__id__exact={target.pk}")
