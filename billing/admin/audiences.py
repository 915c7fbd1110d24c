"""For whom a version is published: typed by finance, read as subscriptions."""

from typing import Any

from django import forms
from unfold.widgets import UnfoldAdminRadioSelectWidget, UnfoldAdminTextareaWidget

from billing.models import Subscription
from plans.admin.publication import DateForm
from plans.models.versions import Audience

MOST_SHOWN = 5

CHOICES = [
    (Audience.NEW, "New subscriptions only: those that run keep their prices"),
    (Audience.ALL, "All: those that run on an earlier version move to it from their next period on"),
    (Audience.COHORT, "A cohort: the subscriptions below move to it from their next period on"),
]


class AudienceForm(forms.Form):
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

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or self.cleaned_data
        if cleaned.get("audience") == Audience.COHORT:
            self.cohort_ids = self._found(cleaned.get("cohort", ""))
        return cleaned

    cohort_ids: list[int] = []
    """The cohort's subscriptions, of live customers, once the form is valid."""

    def _found(self, text: str) -> list[int]:
        asked = list(dict.fromkeys(text.replace(",", " ").replace(";", " ").split()))
        rows = Subscription.objects.filter(external_id__in=asked, sandbox=False).values_list("external_id", "pk")
        found = dict(rows)
        if missing := [one for one in asked if one not in found]:
            more = f" and {len(missing) - MOST_SHOWN:,} more" if len(missing) > MOST_SHOWN else ""
            self.add_error("cohort", f"There is no subscription {', '.join(missing[:MOST_SHOWN])}{more}.")
        elif not asked:
            self.add_error("cohort", "Enter the ids of the subscriptions that move.")
        return sorted(found.values())


class DatedAudienceForm(AudienceForm, DateForm):
    """The same with a date to come."""
