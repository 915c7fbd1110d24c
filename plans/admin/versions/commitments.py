"""The commitments of a version: guaranteed spend, and the discount in return."""

from typing import Any

from lib.admin import StaffInline
from lib.admin.columns import column
from lib.admin.number_fields import NumberInput
from lib.formats import format_money, format_number
from lib.money import round_money
from lib.row_form import RowForm
from plans.admin.fields.currency import CurrencyCodeField
from plans.admin.versions.draft_rows import DraftRows
from plans.models import Commitment
from plans.models.commitments import CommitmentTerms
from plans.pricing.charge_models import InvalidCharge

FIGURES = ("minimum", "currency", "periods", "overage_factor", "discount", "trues_up")


class CommitmentForm(RowForm[Commitment]):
    currency = CurrencyCodeField()

    class Meta:
        model = Commitment
        fields = FIGURES
        labels = {
            "minimum": "At least this much usage",
            "periods": "Over invoice periods",
            "overage_factor": "Beyond it, price ×",
            "discount": "% off unit prices",
            "trues_up": "Claim what is missing",
        }
        widgets = {"minimum": NumberInput(), "overage_factor": NumberInput(), "discount": NumberInput()}

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean()
        minimum, currency = cleaned.get("minimum"), cleaned.get("currency")
        if minimum is not None and currency and (rounded := round_money(minimum, currency)) != minimum:
            self.add_error("minimum", f"{currency} has fewer decimal places: enter {rounded}, or another amount.")
        if not self.errors:
            try:
                _ = Commitment(**{name: cleaned[name] for name in FIGURES}).terms
            except InvalidCharge as error:
                self.add_error(None, str(error))
        return cleaned


class CommitmentInline(DraftRows, StaffInline):
    model = Commitment
    form = CommitmentForm
    verbose_name = "commitment"
    verbose_name_plural = "Minimum commitment"
    ordering = ("currency",)
    fields = (*FIGURES, "means")
    readonly_fields = ("means",)

    means = column("In words", lambda commitment: in_words(commitment) if commitment.pk else "")


def in_words(commitment: CommitmentTerms) -> str:
    """Return a commitment as a sentence: the minimum, the factor above it, and the discount."""
    minimum = format_money(commitment.minimum, str(commitment.currency))
    span = "each period" if commitment.periods == 1 else f"in {commitment.periods} periods together"
    clauses = [
        f"{minimum} of usage {span}; what is missing {'is claimed' if commitment.trues_up else 'is not claimed'}"
    ]
    if commitment.overage_factor != 1:
        clauses.append(f"beyond it usage costs {format_number(commitment.overage_factor)} times its price")
    if commitment.discount:
        clauses.append(f"unit prices are {format_number(commitment.discount)} % lower in return")
    return "; ".join(clauses) + "."
