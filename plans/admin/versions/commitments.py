"""The commitments of a version: guaranteed spend or units, and the discount in return."""

from typing import Any

from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _

from lib.admin import StaffInline
from lib.admin.columns import column
from lib.admin.number_fields import NumberInput
from lib.formats import format_money, format_number
from lib.money import round_money
from lib.row_form import RowForm
from plans.admin.fields.currency import CurrencyCodeField
from plans.admin.versions.draft_rows import DraftRows, too_precise
from plans.models import Commitment
from plans.models.commitments import CommitmentTerms
from plans.pricing.charge_models import InvalidCharge

FIGURES = (
    *("minimum", "currency", "feature", "units", "per_window"),
    *("periods", "overage_factor", "discount", "trues_up"),
)
LABELS = {
    "minimum": _("Minimum usage"),
    "feature": _("Feature (code)"),
    "units": _("Minimum units of the feature"),
    "per_window": _("For each usage window"),
    "periods": _("Number of billing periods"),
    "overage_factor": _("Overage multiplier"),
    "discount": _("Discount on unit prices (percent)"),
    "trues_up": _("Bill the shortfall (true-up)"),
}
HELP_TEXTS = {
    "feature": _("Only usage of this feature counts. Leave empty for all usage."),
    "units": _("Instead of an amount: worth their price, allowance included."),
    "per_window": _("Each usage window of the feature's price has the minimum, instead of the billing period."),
}
EITHER = _("Enter either an amount of money or a number of units.")


def check_terms(commitment: Commitment) -> None:
    """
    Build the terms of a commitment.

    :raises InvalidCharge: if they are invalid.
    """
    commitment.terms  # noqa: B018


class CommitmentForm(RowForm[Commitment]):
    currency = CurrencyCodeField(in_rows=True)

    class Meta:
        model = Commitment
        fields = FIGURES
        labels = LABELS
        help_texts = HELP_TEXTS
        widgets = {name: NumberInput() for name in ("minimum", "units", "overage_factor", "discount")}

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean()
        minimum, currency = cleaned.get("minimum"), cleaned.get("currency")
        if minimum is not None and currency and (rounded := round_money(minimum, currency)) != minimum:
            self.add_error("minimum", too_precise(currency, rounded))
        if not self.errors and (minimum is None) == (cleaned.get("units") is None):
            self.add_error("minimum", EITHER)
        if not self.errors:
            try:
                check_terms(Commitment(**{name: cleaned[name] for name in FIGURES}))
            except InvalidCharge as error:
                self.add_error(None, str(error))
        return cleaned


class CommitmentInline(DraftRows, StaffInline):
    model = Commitment
    form = CommitmentForm
    verbose_name = _("commitment")
    verbose_name_plural = _("Commitments")
    ordering = ("currency",)
    fields = (*FIGURES, "means")
    readonly_fields = ("means",)

    means = column(_("Summary"), lambda commitment: in_words(commitment) if commitment.pk else "")


def in_words(commitment: CommitmentTerms) -> str:
    """Return a commitment in sentences: the minimum, the factor above it, and the discount."""
    sentences = [
        _minimum_in_words(commitment),
        gettext("The shortfall is billed.") if commitment.trues_up else gettext("No true-up."),
    ]
    if commitment.overage_factor != 1:
        sentences.append(gettext("Overage costs %(factor)s times the price."))
    if commitment.discount:
        sentences.append(gettext("Unit prices are discounted by %(discount)s%%."))
    values = {
        "minimum": committed_text(commitment),
        "feature": commitment.feature,
        "periods": commitment.periods,
        "factor": format_number(commitment.overage_factor),
        "discount": format_number(commitment.discount),
    }
    return " ".join(sentences) % values


def _minimum_in_words(commitment: CommitmentTerms) -> str:
    if commitment.per_window:
        return gettext("At least %(minimum)s of %(feature)s per usage window.")
    if commitment.feature:
        return ngettext(
            "At least %(minimum)s of %(feature)s per period.",
            "At least %(minimum)s of %(feature)s over %(periods)s periods.",
            commitment.periods,
        )
    return ngettext(
        "At least %(minimum)s of usage per period.",
        "At least %(minimum)s of usage over %(periods)s periods.",
        commitment.periods,
    )


def committed_text(commitment: CommitmentTerms) -> str:
    """Return the committed amount, or the committed units."""
    if commitment.minimum is not None:
        return format_money(commitment.minimum, str(commitment.currency))
    assert commitment.units is not None  # noqa: S101  a constraint: money or units
    return gettext("%(units)s units") % {"units": format_number(commitment.units)}
