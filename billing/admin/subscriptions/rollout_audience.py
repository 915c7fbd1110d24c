"""The audience of a new version: chosen by finance, resolved to subscriptions."""

from typing import Any
from zoneinfo import ZoneInfo

from django import forms
from django.utils import timezone
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _
from unfold.widgets import UnfoldAdminRadioSelectWidget, UnfoldAdminTextareaWidget

from billing.models import Subscription
from lib.admin import StaffForm
from lib.admin.moment_presets import MomentWidget, moment_presets, seller_zones
from lib.formats import format_number
from plans.models.versions import Audience

MAX_SHOWN = 5

CHOICES = [
    (Audience.NEW, _("New subscriptions only (existing keep their price)")),
    (Audience.ALL, _("New and all existing subscriptions")),
    (Audience.COHORT, _("New subscriptions and a cohort")),
]
MOVES = [
    ("period", _("At the start of their next billing period")),
    ("moment", _("In mid-period: prepaid fees are credited and new fees charged for the rest of the period")),
]


class AudienceForm(StaffForm):
    audience = forms.ChoiceField(
        label=_("Audience"), choices=CHOICES, initial=Audience.NEW, widget=UnfoldAdminRadioSelectWidget
    )
    cohort = forms.CharField(
        label=_("Cohort"),
        required=False,
        max_length=1_000_000,
        help_text=_("Subscription IDs, one per line or separated by commas. Only for a cohort."),
        widget=UnfoldAdminTextareaWidget(attrs={"rows": 4}),
    )
    moves = forms.ChoiceField(
        label=_("When existing subscriptions move"),
        choices=MOVES,
        initial="period",
        required=False,
        help_text=_("You can revoke each move under Scheduled changes until then."),
        widget=UnfoldAdminRadioSelectWidget,
    )

    @property
    def splits_periods(self) -> bool:
        return bool(self.cleaned_data["moves"] == "moment")

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean()
        if cleaned.get("audience") == Audience.COHORT:
            self.cohort_ids = self._read_cohort(cleaned.get("cohort", ""))
        return cleaned

    cohort_ids: list[int] = []
    """The cohort's live subscriptions, once the form is valid."""

    def _read_cohort(self, text: str) -> list[int]:
        external_ids = list(dict.fromkeys(text.replace(",", " ").replace(";", " ").split()))
        rows = Subscription.objects.filter(external_id__in=external_ids, sandbox=False).values_list(
            "external_id", "pk"
        )
        id_by_external_id = dict(rows)
        if missing := [external_id for external_id in external_ids if external_id not in id_by_external_id]:
            self.add_error("cohort", _missing_text(missing))
        elif not external_ids:
            self.add_error("cohort", gettext("Enter the IDs of the subscriptions that move."))
        return sorted(id_by_external_id.values())


def _missing_text(ids: list[str]) -> str:
    values = {"ids": ", ".join(ids[:MAX_SHOWN]), "count": format_number(len(ids) - MAX_SHOWN)}
    if len(ids) <= MAX_SHOWN:
        return ngettext("Unknown subscription: %(ids)s.", "Unknown subscriptions: %(ids)s.", len(ids)) % values
    return gettext("Unknown subscriptions: %(ids)s, and %(count)s more.") % values


class DatedAudienceForm(AudienceForm):
    """The same with a future date, in the time zone of one of the sellers."""

    effective_from = forms.SplitDateTimeField(label=_("In force from"), initial=None)
    zone = forms.ChoiceField(label=_("Time zone"))

    field_order = ("effective_from", "zone")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        zones = seller_zones()
        self.fields["zone"].choices = [(zone, zone) for zone in zones]
        self.fields["zone"].initial = zones[0]
        presets = moment_presets(timezone.now(), zone=zones[0], with_now=False)
        self.fields["effective_from"].widget = MomentWidget(presets, zone_field="zone")

    def clean(self) -> dict[str, Any]:
        """Interpret the date in the chosen time zone."""
        cleaned = super().clean()
        if "effective_from" in cleaned and "zone" in cleaned:
            cleaned["effective_from"] = cleaned["effective_from"].replace(tzinfo=ZoneInfo(cleaned["zone"]))
        return cleaned
