"""The credits that a version grants its subscribers without a purchase."""

from decimal import Decimal
from typing import Any

from django import forms
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _
from unfold.admin import StackedInline

from lib.admin.columns import column
from lib.admin.number_fields import NumberInput
from lib.formats import format_money, format_number
from lib.row_form import RowForm
from plans.admin.versions.draft_rows import DraftRows
from plans.models import Feature, IncludedCredits
from plans.models.included_credits import CREDITS, Every, Lasts
from plans.price_lists.cell_parser import CellRefused, parse_currency
from plans.pricing.included_credits import MAX_ROLLOVERS

FIGURES = (
    *("code", "amount", "unit", "every", "lasts", "days"),
    *("rolls_over", "rollover_most", "priority", "features", "in_trial"),
)


class IncludedCreditsForm(RowForm[IncludedCredits]):
    defaults = {"rolls_over": 0, "priority": 50}

    class Meta:
        model = IncludedCredits
        fields = FIGURES
        labels = {
            "amount": _("Amount"),
            "unit": _("Unit"),
            "every": _("Granted"),
            "lasts": _("Expires"),
            "days": _("Days"),
            "rolls_over": _("Rollovers"),
            "rollover_most": _("Rollover limit"),
            "features": _("Features"),
            "in_trial": _("Also in a trial"),
        }
        help_texts = {
            "code": _("Identifies the grant in the API, in all versions."),
            "unit": _("“credits”, or a currency for subscriptions in that currency."),
            "rolls_over": _("How often the remaining amount rolls over, up to 36 times; 0 for none."),
            "rollover_most": _("Leave empty for all of it."),
            "priority": _("The lowest number is used first."),
            "features": _("Feature codes, separated by commas. Leave empty for all."),
        }
        widgets = {"amount": NumberInput(), "rollover_most": NumberInput()}

    def clean_amount(self) -> Decimal:
        amount: Decimal = self.cleaned_data["amount"]
        if amount <= 0:
            raise forms.ValidationError(gettext("Enter an amount above zero."))
        return amount

    def clean_rolls_over(self) -> int:
        times = self.cleaned_data["rolls_over"] or 0
        if times > MAX_ROLLOVERS:
            raise forms.ValidationError(gettext("Enter at most %(most)s.") % {"most": MAX_ROLLOVERS})
        return times

    def clean_unit(self) -> str:
        unit = self.cleaned_data["unit"].strip()
        if unit.lower() == CREDITS:
            return CREDITS
        try:
            return parse_currency(unit.upper())
        except CellRefused as refusal:
            text = gettext("Enter “credits” or a currency. %(reason)s")
            raise forms.ValidationError(text % {"reason": refusal}) from refusal

    def clean_features(self) -> str:
        codes = list(dict.fromkeys(filter(None, map(str.strip, self.cleaned_data["features"].split(",")))))
        unknown = set(codes) - set(Feature.objects.filter(code__in=codes).values_list("code", flat=True))
        if unknown:
            text = ngettext("Unknown feature code: %(codes)s.", "Unknown feature codes: %(codes)s.", len(unknown))
            raise forms.ValidationError(text % {"codes": ", ".join(sorted(unknown))})
        return ", ".join(codes)

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean()
        lasts, rolls_over = cleaned.get("lasts"), cleaned.get("rolls_over")
        if lasts == Lasts.DAYS and not cleaned.get("days"):
            self.add_error("days", gettext("Enter the number of days."))
        if lasts != Lasts.DAYS and cleaned.get("days"):
            self.add_error("days", gettext("Remove the days, or let the credits expire after a number of days."))
        if lasts == Lasts.EVER and rolls_over:
            self.add_error("rolls_over", gettext("Credits without an expiry can't roll over. Enter 0."))
        if cleaned.get("rollover_most") is not None and not rolls_over and "rolls_over" not in self.errors:
            self.add_error("rollover_most", gettext("Remove the limit, or enter the number of rollovers."))
        return cleaned


class IncludedCreditsInline(DraftRows, StackedInline):
    model = IncludedCredits
    form = IncludedCreditsForm
    extra = 0
    verbose_name = _("included credits")
    verbose_name_plural = _("Included credits")
    ordering = ("code", "unit")
    readonly_fields = ("means",)
    fieldsets = (
        (
            None,
            {
                "fields": (
                    "means",
                    ("amount", "unit"),
                    "every",
                    ("lasts", "days"),
                    ("rolls_over", "rollover_most"),
                    "features",
                    ("code", "priority"),
                    "in_trial",
                )
            },
        ),
    )

    means = column(_("Summary"), lambda included: in_words(included) if included.pk else "")


GRANTED = {
    Every.PERIOD: _("%(amount)s with each billing period"),
    Every.MONTH: _("%(amount)s each month"),
    Every.ONCE: _("%(amount)s once, at the start"),
}


def in_words(included: IncludedCredits) -> str:
    """Return an included grant as text: amount, timing, lifetime, and rollover."""
    clauses = [str(GRANTED[Every(included.every)]) % {"amount": _amount(included.amount, included.unit)}]
    if included.feature_codes:
        clauses.append(gettext("only for %(features)s") % {"features": ", ".join(included.feature_codes)})
    if included.lasts == "ever":
        clauses.append(gettext("no expiry"))
    elif included.lasts == "days":
        days = included.days or 0
        text = ngettext("expires after %(days)s day", "expires after %(days)s days", days)
        clauses.append(text % {"days": days})
    else:
        clauses.append(gettext("expires at the end of its period or month"))
    if included.rolls_over:
        clauses.append(_rollover_text(included))
    if not included.in_trial:
        clauses.append(gettext("not in a trial"))
    return "; ".join(clauses) + "."


def _rollover_text(included: IncludedCredits) -> str:
    values = {"times": included.rolls_over}
    if included.rollover_most is None:
        text = ngettext(
            "the rest rolls over %(times)s time", "the rest rolls over up to %(times)s times", included.rolls_over
        )
        return text % values
    text = ngettext(
        "up to %(most)s of the rest roll over %(times)s time",
        "up to %(most)s of the rest roll over up to %(times)s times",
        included.rolls_over,
    )
    return text % {**values, "most": _amount(included.rollover_most, included.unit)}


def _amount(amount: Decimal, unit: str) -> str:
    if unit != CREDITS:
        return format_money(amount, unit)
    count = int(amount) if amount == int(amount) else 2  # a fraction takes the plural
    return ngettext("%(amount)s credit", "%(amount)s credits", count) % {"amount": format_number(amount)}
