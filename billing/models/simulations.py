"""Results of simulations: per subscription and simulated version."""

from decimal import Decimal
from typing import Any

from django.db import models
from django.db.models import F, Q
from django.db.models.fields.json import KeyTextTransform
from django.db.models.functions import Cast
from django.utils.translation import gettext_lazy as _

from lib.field_types import AMOUNT, MAX_MONEY, finite


def _generated_from_figures(name: str, output: "models.Field[Any, Any]") -> models.GeneratedField:
    """Return a column that repeats a value of `figures`, so that lists can be sorted and summed by it."""
    return models.GeneratedField(
        expression=Cast(KeyTextTransform(name, "figures"), output), output_field=output, db_persist=True
    )


class SimulationResult(models.Model):
    """
    The bills of a subscription's past periods, and the bills under a version: docs/simulation.md.

    figures: the simulated amounts, as decimal text, and the lines behind them; see `billing/simulation/results.py`.
    digest: SHA-256 of the row's subject and of `figures`.
    percent: of the change, to four places; NULL if nothing was billed before.
    is_shock: whether the change is above the requested threshold.

    Written once, by an item of a job of kind “simulation”; kept for as long as `billing/simulation/retention.py`
    says.
    """

    job = models.ForeignKey("billing.Job", on_delete=models.PROTECT, related_name="results", db_index=False)
    version = models.ForeignKey("plans.PlanVersion", on_delete=models.PROTECT, related_name="+")
    subscription = models.ForeignKey(
        "billing.Subscription", on_delete=models.PROTECT, related_name="+", db_index=False
    )
    figures = models.JSONField()
    digest = models.CharField(max_length=64)
    currency = _generated_from_figures("currency", models.CharField(max_length=3))
    before = _generated_from_figures("before", models.DecimalField(**AMOUNT))
    after = _generated_from_figures("after", models.DecimalField(**AMOUNT))
    change = _generated_from_figures("change", models.DecimalField(**AMOUNT))
    percent = _generated_from_figures("percent", models.DecimalField(max_digits=19, decimal_places=4))
    is_known = _generated_from_figures("is_known", models.BooleanField())
    is_shock = _generated_from_figures("is_shock", models.BooleanField())

    class Meta:
        verbose_name = _("simulated bill")
        permissions = [("simulate_price", "Can simulate prices")]
        constraints = [
            models.UniqueConstraint(
                fields=["job", "version", "subscription"], name="subscription_is_simulated_once_by_a_version"
            ),
            models.CheckConstraint(condition=Q(digest__regex="^[0-9a-f]{64}$"), name="simulated_bill_has_a_digest"),
            models.CheckConstraint(condition=Q(change=F("after") - F("before")), name="simulated_change_adds_up"),
            *(
                finite(name, least=-MAX_MONEY, most=MAX_MONEY, name=f"simulated_{name}_is_finite")
                for name in ("before", "after", "change", "percent")
            ),
        ]
        indexes = [
            models.Index(fields=["job", "version", "-change"], name="simulated_by_change"),
            models.Index("job", "version", F("percent").desc(nulls_last=True), name="simulated_by_percent"),
        ]

    def __str__(self) -> str:
        return f"{self.subscription} by {self.version}"

    def amount(self, name: str) -> Decimal | None:
        """Return a figure of `figures`, or None if it is unknown."""
        text: str | None = self.figures.get(name)
        return None if text is None else Decimal(text)
