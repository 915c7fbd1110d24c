"""The audience of a new version: chosen by finance, resolved to subscriptions."""

from typing import Any
from zoneinfo import ZoneInfo

from django import forms
from unfold.widgets import UnfoldAdminRadioSelectWidget, UnfoldAdminTextareaWidget

from billing.models import Subscription
from customers.models import Seller
from lib.admin import StaffForm
from plans.models.versions import Audience

MAX_SHOWN = 5

CHOICES = [
    (Audience.NEW, "New subscriptions only: those that run keep their prices"),
    (Audience.ALL, "All: those that run on an earlier version move to it"),
    (Audience.COHORT, "A cohort: the subscriptions below move to it"),
]
MOVES = [
    ("period", "Where their next period begins: what has begun ends by its own prices"),
    (
        "moment",
        "At that very moment, in mid-period: their periods are split, what they paid in advance for the rest is given"
        " back and the new fees for it are charged",
    ),
]


class AudienceForm(StaffForm):
    audience = forms.ChoiceField(
        label="For whom", choices=CHOICES, initial=Audience.NEW, widget=UnfoldAdminRadioSelectWidget
    )
    cohort = forms.CharField(
        label="Ids of the cohort's subscriptions",
        required=False,
        max_length=1_000_000,
        help_text="One per line, or with commas between them; as pasted from a sheet. Read for a cohort only.",
        widget=UnfoldAdminTextareaWidget(attrs={"rows": 4}),
    )
    moves = forms.ChoiceField(
        label="When those move that run already",
        choices=MOVES,
        initial="period",
        required=False,
        help_text="Until then each move can be seen, and revoked, under Scheduled changes.",
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
            more = f" and {len(missing) - MAX_SHOWN:,} more" if len(missing) > MAX_SHOWN else ""
            self.add_error("cohort", f"There is no subscription {', '.join(missing[:MAX_SHOWN])}{more}.")
        elif not external_ids:
            self.add_error("cohort", "Enter the ids of the subscriptions that move.")
        return sorted(id_by_external_id.values())


class DatedAudienceForm(AudienceForm):
    """The same with a future date, in the time zone of one of the sellers."""

    effective_from = forms.SplitDateTimeField(label="In force from", initial=None)
    zone = forms.ChoiceField(label="By the clocks of")

    field_order = ("effective_from", "zone")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        seller_zones = Seller.objects.order_by("pk").values_list("time_zone", flat=True)
        zones = list(dict.fromkeys([*seller_zones, "UTC"]))
        self.fields["zone"].choices = [(zone, zone) for zone in zones]
        self.fields["zone"].initial = zones[0]

    def clean(self) -> dict[str, Any]:
        """Interpret the date in the chosen time zone."""
        cleaned = super().clean()
        if "effective_from" in cleaned and "zone" in cleaned:
            cleaned["effective_from"] = cleaned["effective_from"].replace(tzinfo=ZoneInfo(cleaned["zone"]))
        return cleaned
