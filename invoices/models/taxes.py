"""The tax rates of a seller."""

from datetime import date
from typing import Self

import pghistory
from django.contrib.postgres.constraints import ExclusionConstraint
from django.contrib.postgres.fields import DateRangeField, RangeOperators
from django.db import models
from django.db.models import F, Func, Q
from django.utils.translation import gettext_lazy as _

from lib.field_types import finite

# Taxes that apply together on one line, each on a level of its own, such as a federal and a state tax.
MAX_LEVELS = 5


class TaxRateQuerySet(models.QuerySet["TaxRate"]):
    def in_force(self, on: date) -> Self:
        return self.filter(Q(valid_to__isnull=True) | Q(valid_to__gt=on), valid_from__lte=on)


@pghistory.track()
class TaxRate(models.Model):
    """
    The tax that a seller charges on supplies to one country, or to every other country when `country` is empty.

    region: the region of that country, spelled as in customers' addresses; empty for the whole country.
    code: the tax code of plans and customers that it applies to; empty for the ordinary rate.
    level: 1; higher for a tax charged in addition to those of lower levels, as a county's is on top of its state's.
    rate: percent. reason: why the rate is zero, as printed on documents.

    Intervals [valid_from, valid_to) of the same place, code and level never overlap. docs/tax.md says which rate
    applies.
    """

    seller = models.ForeignKey("customers.Seller", on_delete=models.PROTECT, related_name="tax_rates")
    name = models.CharField(max_length=40, default="VAT")
    country = models.CharField(
        max_length=2, blank=True, help_text=_("The customer's country. Empty: all other countries.")
    )
    region = models.CharField(
        max_length=100,
        blank=True,
        default="",
        db_default="",
        help_text=_("The region in the customer's address. Empty: the whole country."),
    )
    code = models.SlugField(
        max_length=40,
        blank=True,
        default="",
        db_default="",
        db_index=False,
        help_text=_("Tax code that plans, features, fees or customers refer to. Empty: the standard rate."),
    )
    level = models.PositiveSmallIntegerField(
        default=1, db_default=1, help_text=_("2 or more: added to the tax of lower levels, such as a county tax.")
    )
    rate = models.DecimalField(max_digits=7, decimal_places=4, help_text=_("Percent."))
    reason = models.CharField(
        max_length=200, blank=True, default="", db_default="", help_text=_("Printed on invoices if the rate is zero.")
    )
    valid_from = models.DateField()
    valid_to = models.DateField(null=True, blank=True)

    objects = TaxRateQuerySet.as_manager()

    class Meta:
        constraints = [
            finite("rate", most=100, name="tax_rate_is_0_to_100_percent"),
            models.CheckConstraint(
                condition=Q(valid_to__isnull=True) | Q(valid_to__gt=F("valid_from")), name="tax_rate_ends_after_start"
            ),
            finite("level", least=1, most=MAX_LEVELS, name="tax_level_is_1_to_5"),
            models.CheckConstraint(
                condition=Q(region="") | ~Q(country=""), name="tax_rate_of_a_region_names_its_country"
            ),
            models.CheckConstraint(condition=Q(reason="") | Q(rate=0), name="only_a_tax_of_zero_has_a_reason"),
            ExclusionConstraint(
                name="one_tax_rate_is_in_force_at_a_time",
                expressions=[
                    ("seller", RangeOperators.EQUAL),
                    ("country", RangeOperators.EQUAL),
                    ("region", RangeOperators.EQUAL),
                    ("code", RangeOperators.EQUAL),
                    ("level", RangeOperators.EQUAL),
                    (
                        Func("valid_from", "valid_to", function="DATERANGE", output_field=DateRangeField()),
                        RangeOperators.OVERLAPS,
                    ),
                ],
            ),
        ]

    def __str__(self) -> str:
        return f"{self.name} {self.rate.normalize():f}%"
