"""The rates a seller charges tax at."""

from datetime import date
from typing import Self

import pghistory
from django.contrib.postgres.constraints import ExclusionConstraint
from django.contrib.postgres.fields import DateRangeField, RangeOperators
from django.db import models
from django.db.models import F, Func, Q

from plans.bounds import finite


class TaxRateQuerySet(models.QuerySet["TaxRate"]):
    def in_force(self, on: date) -> Self:
        return self.filter(Q(valid_to__isnull=True) | Q(valid_to__gt=on), valid_from__lte=on)


@pghistory.track()
class TaxRate(models.Model):
    """
    The tax a seller charges on supplies to one country, or to every other country when `country` is empty.

    rate: percent. Intervals [valid_from, valid_to) of one seller and country never overlap.
    """

    seller = models.ForeignKey("customers.Seller", on_delete=models.PROTECT, related_name="tax_rates")
    name = models.CharField(max_length=40, default="VAT")
    country = models.CharField(max_length=2, blank=True, help_text="Customer's country; empty for all others.")
    rate = models.DecimalField(max_digits=7, decimal_places=4, help_text="Percent.")
    valid_from = models.DateField()
    valid_to = models.DateField(null=True, blank=True)

    objects = TaxRateQuerySet.as_manager()

    class Meta:
        constraints = [
            finite("rate", most=100, name="tax_rate_is_0_to_100_percent"),
            models.CheckConstraint(
                condition=Q(valid_to__isnull=True) | Q(valid_to__gt=F("valid_from")), name="tax_rate_ends_after_start"
            ),
            ExclusionConstraint(
                name="one_tax_rate_is_in_force_at_a_time",
                expressions=[
                    ("seller", RangeOperators.EQUAL),
                    ("country", RangeOperators.EQUAL),
                    (
                        Func("valid_from", "valid_to", function="DATERANGE", output_field=DateRangeField()),
                        RangeOperators.OVERLAPS,
                    ),
                ],
            ),
        ]

    def __str__(self) -> str:
        return f"{self.name} {self.rate.normalize():f} %"
