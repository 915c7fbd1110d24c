"""Invoices, credit notes and their lines."""

from decimal import Decimal
from typing import Any, ClassVar, Self

import pghistory
from django.contrib.postgres.indexes import BrinIndex
from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Coalesce, Greatest
from django.utils.translation import gettext_lazy as _
from djmoney.models.fields import CurrencyField, MoneyField

from invoices.models.numbering import DocumentKind
from invoices.triggers.credit_notes import correction_is_of_the_same_parties, credit_notes_are_counted
from invoices.triggers.invoice_sections import invoice_is_the_sum_of_its_sections
from invoices.triggers.issued_invoices import (
    issued_invoice_changes_only_its_state,
    issued_invoice_equals_its_lines,
    issued_invoice_keeps_its_rows,
    locked_month_takes_no_invoice,
)
from lib.field_types import AMOUNT, MAX_MONEY, MAX_QUANTITY, QuantityField, finite, one_of


class InvoiceState(models.TextChoices):
    DRAFT = "draft", _("draft")
    ISSUED = "issued", _("issued")
    PAID = "paid", _("paid")
    OVERDUE = "overdue", _("past due")
    VOID = "void", _("void")
    UNCOLLECTIBLE = "uncollectible", _("uncollectible")


OPEN_INVOICES = (InvoiceState.ISSUED, InvoiceState.OVERDUE)
"""
States of invoices that are receivables. A written-off invoice can still be paid, but nobody waits for its amount.
"""

UNSETTLED_INVOICES = (InvoiceState.DRAFT, *OPEN_INVOICES)
"""States that invoices leave again, so that few are in them."""


AMOUNT_DUE = F("total") - F("credited") - F("paid") + F("returned")
"""`Invoice.due` of an issued invoice, in the database."""


class CreditTo(models.TextChoices):
    """Where the money of a credit note goes."""

    BALANCE = "balance", _("customer balance")
    REFUND = "refund", _("refund to the customer")
    OFFSET = "offset", _("applied to the invoice")


class LineKind(models.TextChoices):
    """Staff give a credit; the other credits follow from usage or fees that changed after they were billed."""

    FEE = "fee", _("fee")
    ONE_OFF = "one_off", _("one-off")
    USAGE = "usage", _("usage")
    LATE_USAGE = "late_usage", _("late usage")
    PROGRESSIVE = "progressive", _("usage so far")
    TRUE_UP = "true_up", _("true-up of a commitment")
    SURCHARGE = "surcharge", _("overage adjustment of a commitment")
    COUPON = "coupon", _("coupon")
    CREDIT_PACK = "credit_pack", _("credit pack")
    PRORATION = "proration", _("proration")
    CREDIT = "credit", _("credit")
    USAGE_CREDIT = "usage_credit", _("usage credit")
    FEE_CREDIT = "fee_credit", _("fee credit")


CREDITS = (LineKind.CREDIT, LineKind.USAGE_CREDIT, LineKind.FEE_CREDIT)
BILLS_USAGE = (LineKind.USAGE, LineKind.LATE_USAGE, LineKind.PROGRESSIVE, LineKind.USAGE_CREDIT)


@pghistory.track(pghistory.UpdateEvent())
class Invoice(models.Model):
    """
    An invoice or a credit note; its amounts are positive.

    Once issued, an invoice never changes except for its state and the amounts credited, paid and returned;
    corrections are documents of their own.

    reference: the subject of the invoice, such as "period:123"; unique, so that nothing is ever billed twice.
    paid: the sum of the payments; counted by a trigger.
    returned: the part of `paid` that went back, to the customer's balance or as a refund; counted by a trigger.
    corrects: the invoice that a credit note credits, or that this invoice replaces.
    credited: the part of the total that credit notes have credited; counted by a trigger.
    reason, credit_to: why a credit note was issued, and where its money goes.
    includes_tax: whether the amounts of its lines include tax, so that they sum to the total.
    net_days: days until payment is due, if agreed for this invoice alone.
    seller_facts, buyer_facts: name, address and tax number of both parties at the time of issue.
    """

    kind = models.CharField(max_length=11, choices=DocumentKind, db_default=DocumentKind.INVOICE)
    reference = models.CharField(max_length=80)
    corrects = models.ForeignKey(
        "invoices.Invoice", on_delete=models.PROTECT, null=True, related_name="corrections", db_index=False
    )
    seller = models.ForeignKey("customers.Seller", on_delete=models.PROTECT, related_name="invoices")
    customer = models.ForeignKey(
        "customers.Customer", on_delete=models.PROTECT, related_name="invoices", db_index=False
    )
    sandbox = models.BooleanField(default=False)
    state = models.CharField(max_length=14, choices=InvoiceState, default=InvoiceState.DRAFT)
    series = models.ForeignKey(
        "invoices.NumberSeries", on_delete=models.PROTECT, null=True, related_name="+", db_index=False
    )
    sequence = models.PositiveBigIntegerField(null=True)
    number = models.CharField(max_length=40, null=True)  # noqa: DJ001  NULL: a draft has no number
    issued_at = models.DateTimeField(null=True)
    issue_date = models.DateField(null=True)
    due_date = models.DateField(null=True)
    period_start = models.DateTimeField()
    period_end = models.DateTimeField()
    currency = CurrencyField(default=None)
    includes_tax = models.BooleanField(default=False, db_default=False)
    net = MoneyField(**AMOUNT, currency_field_name="currency")
    tax = MoneyField(**AMOUNT, currency_field_name="currency")
    total = MoneyField(**AMOUNT, currency_field_name="currency")
    credited = models.DecimalField(**AMOUNT, default=Decimal(0), db_default=Decimal(0))
    paid = models.DecimalField(**AMOUNT, default=Decimal(0), db_default=Decimal(0))
    returned = models.DecimalField(**AMOUNT, default=Decimal(0), db_default=Decimal(0))
    reason = models.CharField(max_length=300, blank=True, db_default="")
    credit_to = models.CharField(max_length=7, choices=CreditTo, blank=True, db_default="")
    seller_facts = models.JSONField(default=dict)
    buyer_facts = models.JSONField(default=dict)
    net_days = models.PositiveSmallIntegerField(null=True)
    purchase_order = models.CharField(max_length=80, blank=True)
    note = models.TextField(blank=True)
    created_at = models.DateTimeField()

    # For mypy, which can't see the managers that djmoney makes for models with money.
    objects: ClassVar[models.Manager[Self]]
    _default_manager: ClassVar[models.Manager[Self]]

    class Meta:
        permissions = [
            ("issue_creditnote", "Can issue credit notes"),
            ("claim_invoice", "Can create one-off invoices"),
            ("label_invoice", "Can edit tags and metadata of invoices"),
        ]
        constraints = [
            one_of("kind", DocumentKind, name="invoice_kind_is_known"),
            one_of("state", InvoiceState, name="invoice_state_is_known"),
            models.CheckConstraint(
                condition=(~Q(kind="credit_note") & Q(credit_to=""))
                | (Q(kind="credit_note", corrects__isnull=False, credit_to__in=CreditTo.values) & ~Q(reason="")),
                name="credit_note_has_an_invoice_a_reason_and_a_destination",
            ),
            # A trigger counts the credited amount as soon as a credit note is written, so a credit note is never a
            # draft.
            models.CheckConstraint(
                condition=~Q(kind="credit_note") | Q(state__in=("issued", "paid")),
                name="credit_note_is_issued_at_once",
            ),
            models.CheckConstraint(
                condition=Q(credited__gte=0, credited__lte=F("total")), name="no_more_is_credited_than_was_invoiced"
            ),
            models.CheckConstraint(
                condition=Q(paid__gte=0, paid__lte=F("total") + F("returned")),
                name="no_more_is_paid_than_was_invoiced",
            ),
            models.CheckConstraint(
                condition=Q(returned__gte=0, returned__lte=F("credited")),
                name="no_more_is_returned_than_was_credited",
            ),
            models.CheckConstraint(
                condition=~Q(state="paid")
                | Q(kind="credit_note")
                | Q(paid__gte=F("total") - F("credited") + F("returned")),
                name="invoice_is_paid_when_nothing_is_due",
            ),
            models.UniqueConstraint(
                fields=["corrects"],
                condition=Q(kind="invoice", corrects__isnull=False),
                name="invoice_is_replaced_by_one_other",
            ),
            models.UniqueConstraint(fields=["reference"], name="nothing_is_billed_twice"),
            models.UniqueConstraint(fields=["series", "sequence"], name="number_is_given_once_per_series"),
            models.UniqueConstraint(fields=["number", "seller"], name="number_names_one_invoice_of_a_seller"),
            models.CheckConstraint(
                condition=Q(
                    state="draft",
                    number__isnull=True,
                    sequence__isnull=True,
                    series__isnull=True,
                    issued_at__isnull=True,
                )
                | (
                    ~Q(state="draft")
                    & Q(
                        number__isnull=False,
                        sequence__isnull=False,
                        series__isnull=False,
                        issued_at__isnull=False,
                        issue_date__isnull=False,
                        due_date__isnull=False,
                    )
                ),
                name="invoice_has_a_number_if_and_only_if_issued",
            ),
            models.CheckConstraint(condition=Q(total=F("net") + F("tax")), name="invoice_total_is_net_plus_tax"),
            finite("net_days", most=365, name="invoice_net_days_are_365_at_most"),
            finite("net", least=-MAX_MONEY, name="invoice_net_is_finite"),
            finite("tax", least=-MAX_MONEY, name="invoice_tax_is_finite"),
            finite("total", name="invoice_total_is_never_negative"),
        ]
        indexes = [
            models.Index(fields=["customer", "-id"], name="invoice_by_customer"),
            models.Index(fields=["state", "-id"], name="invoice_by_state"),
            models.Index(fields=["corrects"], condition=Q(corrects__isnull=False), name="invoice_by_corrected"),
            models.Index(Coalesce("issued_at", "created_at").desc(), name="invoice_by_time"),
            # The sums of the list's tabs come from this index alone, however many invoices there are.
            models.Index(
                fields=["sandbox", "state", "currency"],
                include=["seller", "total", "credited", "paid", "returned"],
                condition=Q(kind="invoice", state__in=UNSETTLED_INVOICES),
                name="unsettled_invoice_by_state",
            ),
            # Documents are written in the order of time, so this is a few pages, and free to issue.
            BrinIndex(fields=["issue_date"], pages_per_range=32, autosummarize=True, name="invoice_by_date"),
        ]
        triggers = [
            issued_invoice_changes_only_its_state(),
            *issued_invoice_equals_its_lines(),
            *locked_month_takes_no_invoice(),
            correction_is_of_the_same_parties(),
            credit_notes_are_counted(),
            invoice_is_the_sum_of_its_sections(),
        ]

    def __str__(self) -> str:
        return self.number or f"draft {self.reference}"

    @property
    def left(self) -> Decimal:
        """The invoiced total after credit notes, in the currency's major unit."""
        return self.total.amount - self.credited if self.kind == DocumentKind.INVOICE else Decimal(0)

    @property
    def due(self) -> Decimal:
        """
        The amount left to pay of an issued invoice: the total less credit notes and payments.

        The returned part of a payment no longer counts.
        """
        if self.state == InvoiceState.DRAFT:
            return Decimal(0)
        return max(self.left - self.paid + self.returned, Decimal(0))


# No foreign key constraints: the prices that a line refers to are published, corrected lines are issued, and triggers
# keep both from being deleted. Constraints would check the same again for each line, a fifth of the time a close
# spends in the database.
PUBLISHED: dict[str, Any] = {
    "on_delete": models.PROTECT,
    "null": True,
    "related_name": "+",
    "db_index": False,
    "db_constraint": False,
}


class Line(models.Model):
    """
    One billed amount of an invoice, rounded once to the currency's minor unit; on a credit note, the amount it
    credits.

    explanation: the parts (from, to, units, unit price, flat fee, amount) whose sum is the amount before rounding,
        with the quantity, the included units, and the formula of a fee: see docs/pricing.md.
    tax_rate: the sum of its tax rates, in percent. taxes: the line's taxes as name, rate and reason, if the invoice
        has several; null if it has one.
    corrects_line: the line that a credit credits, at the same taxes.
    """

    invoice = models.ForeignKey("invoices.Invoice", on_delete=models.PROTECT, related_name="lines", db_index=False)
    position = models.PositiveIntegerField()
    kind = models.CharField(max_length=12, choices=LineKind)
    description = models.CharField(max_length=300)
    plan_feature = models.ForeignKey("plans.PlanFeature", **PUBLISHED)
    rate = models.ForeignKey("plans.Rate", **PUBLISHED)
    fee = models.ForeignKey("plans.Fee", **PUBLISHED)
    corrects_line = models.ForeignKey("invoices.Line", **PUBLISHED)
    service_start = models.DateTimeField()
    service_end = models.DateTimeField()
    quantity = QuantityField()
    unit = models.CharField(max_length=40, blank=True)
    currency = CurrencyField(default=None)
    amount = MoneyField(**AMOUNT, currency_field_name="currency")
    tax_rate = models.DecimalField(max_digits=7, decimal_places=4)
    taxes = models.JSONField(null=True)
    explanation = models.JSONField(default=dict)

    objects: ClassVar[models.Manager[Self]]
    _default_manager: ClassVar[models.Manager[Self]]

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["invoice", "position"], name="line_position_is_used_once"),
            one_of("kind", LineKind, name="line_kind_is_known"),
            models.CheckConstraint(
                condition=Q(kind__in=CREDITS, corrects_line__isnull=False)
                | (~Q(kind__in=CREDITS) & Q(corrects_line__isnull=True)),
                name="credit_names_the_line_that_it_is_of",
            ),
            finite("quantity", least=-MAX_QUANTITY, most=MAX_QUANTITY, name="line_quantity_is_finite"),
            finite("amount", least=-MAX_MONEY, name="line_amount_is_finite"),
            finite("tax_rate", most=100, name="line_tax_rate_is_0_to_100_percent"),
        ]
        indexes = [
            models.Index(
                fields=["corrects_line"], condition=Q(corrects_line__isnull=False), name="line_by_corrected"
            ),
            # A month earns lines that are among the newest, so reports of open months leave out the pages of others.
            BrinIndex(
                Greatest("service_start", "service_end"),
                pages_per_range=32,
                autosummarize=True,
                name="line_by_end_of_service",
            ),
        ]
        triggers = issued_invoice_keeps_its_rows()

    def __str__(self) -> str:
        return self.description


class InvoiceTax(models.Model):
    """The tax of one rate on one invoice: charged on the net sum of its lines and rounded once (EN 16931)."""

    invoice = models.ForeignKey("invoices.Invoice", on_delete=models.PROTECT, related_name="taxes", db_index=False)
    name = models.CharField(max_length=40)
    rate = models.DecimalField(max_digits=7, decimal_places=4)
    reason = models.CharField(max_length=200, blank=True, help_text=_("Reason for a zero rate."))
    currency = CurrencyField(default=None)
    taxable = MoneyField(**AMOUNT, currency_field_name="currency")
    amount = MoneyField(**AMOUNT, currency_field_name="currency")

    objects: ClassVar[models.Manager[Self]]
    _default_manager: ClassVar[models.Manager[Self]]

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["invoice", "name", "rate", "reason"], name="tax_rate_is_listed_once"),
            finite("rate", most=100, name="invoice_tax_rate_is_0_to_100_percent"),
            finite("taxable", least=-MAX_MONEY, name="taxable_amount_is_finite"),
            finite("amount", least=-MAX_MONEY, name="tax_amount_is_finite"),
        ]
        triggers = issued_invoice_keeps_its_rows()

    def __str__(self) -> str:
        return f"{self.name} {self.rate.normalize():f}%"
