"""Sections of consolidated invoices: the lines of each billed subscription under a heading of their own."""

from django.contrib.postgres.constraints import ExclusionConstraint
from django.contrib.postgres.fields import IntegerRangeField, RangeBoundary, RangeOperators
from django.db import models
from django.db.models import F, Func, Q

from invoices.triggers.invoice_sections import section_bills_no_invoiced_reference
from invoices.triggers.issued_invoices import issued_invoice_keeps_its_rows


class Section(models.Model):
    """
    Lines of an invoice under a common heading; most invoices have no sections.

    reference: the subject of the lines, such as "period:123"; unique, so that nothing is ever billed twice.
    name: the heading. first_line, last_line: positions on the invoice.
    """

    invoice = models.ForeignKey("invoices.Invoice", on_delete=models.PROTECT, related_name="sections", db_index=False)
    position = models.PositiveIntegerField()
    reference = models.CharField(max_length=80)
    name = models.CharField(max_length=200)
    first_line = models.PositiveIntegerField()
    last_line = models.PositiveIntegerField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["invoice", "position"], name="section_position_is_used_once"),
            models.UniqueConstraint(fields=["reference"], name="no_section_is_billed_twice"),
            models.CheckConstraint(
                condition=Q(first_line__gte=1, last_line__gte=F("first_line")), name="section_has_a_line"
            ),
            ExclusionConstraint(
                name="sections_of_an_invoice_never_overlap",
                expressions=[
                    ("invoice", RangeOperators.EQUAL),
                    (
                        Func(
                            "first_line",
                            "last_line",
                            RangeBoundary(inclusive_lower=True, inclusive_upper=True),
                            function="INT4RANGE",
                            output_field=IntegerRangeField(),
                        ),
                        RangeOperators.OVERLAPS,
                    ),
                ],
            ),
        ]
        triggers = [section_bills_no_invoiced_reference(), *issued_invoice_keeps_its_rows()]

    def __str__(self) -> str:
        return self.name
