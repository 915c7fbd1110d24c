"""The credits that a version grants its subscribers without a purchase."""

from decimal import Decimal
from typing import Any

from django import forms
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
            "amount": "Grants",
            "unit": "Of",
            "every": "When",
            "lasts": "They last",
            "days": "Days",
            "rolls_over": "What is left rolls over so often",
            "rollover_most": "At most so much of it",
            "features": "Only for features",
            "in_trial": "Also in a trial",
        }
        help_texts = {
            "code": "What interfaces call it, whatever the version.",
            "unit": "credits, or a currency such as USD: then for subscriptions in that one.",
            "rolls_over": "0: it expires. 1: once. 36 at most.",
            "rollover_most": "Empty: all of it.",
            "priority": "The lowest number is used up first.",
            "features": "Their codes, with commas between; empty for all.",
        }
        widgets = {"amount": NumberInput(), "rollover_most": NumberInput()}

    def clean_amount(self) -> Decimal:
        amount: Decimal = self.cleaned_data["amount"]
        if amount <= 0:
            raise forms.ValidationError("Enter an amount above zero.")
        return amount

    def clean_rolls_over(self) -> int:
        times = self.cleaned_data["rolls_over"] or 0
        if times > MAX_ROLLOVERS:
            raise forms.ValidationError(f"At most {MAX_ROLLOVERS} times.")
        return times

    def clean_unit(self) -> str:
        unit = self.cleaned_data["unit"].strip()
        if unit.lower() == CREDITS:
            return CREDITS
        try:
            return parse_currency(unit.upper())
        except CellRefused as refusal:
            raise forms.ValidationError(f"Enter “credits”, or a currency. {refusal}") from refusal

    def clean_features(self) -> str:
        codes = list(dict.fromkeys(filter(None, map(str.strip, self.cleaned_data["features"].split(",")))))
        unknown = set(codes) - set(Feature.objects.filter(code__in=codes).values_list("code", flat=True))
        if unknown:
            raise forms.ValidationError(f"There is no feature {', '.join(sorted(unknown))}: enter codes of features.")
        return ", ".join(codes)

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean()
        lasts, rolls_over = cleaned.get("lasts"), cleaned.get("rolls_over")
        if lasts == Lasts.DAYS and not cleaned.get("days"):
            self.add_error("days", "Say how many days they last.")
        if lasts != Lasts.DAYS and cleaned.get("days"):
            self.add_error("days", "Empty this, or let them last “for so many days”.")
        if lasts == Lasts.EVER and rolls_over:
            self.add_error("rolls_over", "What lasts for ever never rolls over: enter 0.")
        if cleaned.get("rollover_most") is not None and not rolls_over and "rolls_over" not in self.errors:
            self.add_error("rollover_most", "Nothing rolls over: empty this, or say how often it does.")
        return cleaned


class IncludedCreditsInline(DraftRows, StackedInline):
    model = IncludedCredits
    form = IncludedCreditsForm
    extra = 0
    verbose_name = "credits"
    verbose_name_plural = "Included credits"
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

    means = column("In words", lambda included: in_words(included) if included.pk else "")


WHEN = {Every.PERIOD: "with each period", Every.MONTH: "with each month", Every.ONCE: "once, at the start"}


def in_words(included: IncludedCredits) -> str:
    """Return an included grant as a sentence: amount, timing, lifetime, and rollover."""

    def units(amount: Any) -> str:
        return f"{format_number(amount)} credits" if included.unit == CREDITS else format_money(amount, included.unit)

    clauses = [f"{units(included.amount)} {WHEN[Every(included.every)]}"]
    if included.feature_codes:
        clauses[0] += f" for {', '.join(included.feature_codes)}"
    if included.lasts == "ever":
        clauses.append("they never expire")
    else:
        until = f"after {included.days} days" if included.lasts == "days" else "when that ends"
        clauses.append(f"what is left expires {until}" if not included.rolls_over else _rolls(included, until, units))
    if not included.in_trial:
        clauses.append("not in a trial")
    return "; ".join(clauses) + "."


def _rolls(included: IncludedCredits, until: str, units: Any) -> str:
    most = "what is left" if included.rollover_most is None else f"up to {units(included.rollover_most)} of it"
    often = "once" if included.rolls_over == 1 else f"{included.rolls_over} times"
    return f"{until} {most} goes on for as long again, {often}"
