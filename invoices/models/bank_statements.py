"""Statements of bank accounts: their lines are matched to invoices once. docs/payments.md#bank-statements"""

import pghistory
from django.conf import settings
from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _
from djmoney.models.fields import CurrencyField

from invoices.triggers.bank_statements import (
    bank_line_is_booked_in_full,
    bank_line_stays_as_imported,
    booking_is_of_its_line,
    booking_is_only_undone,
)
from lib.field_types import AMOUNT, MAX_MONEY, finite, one_of
from lib.triggers import append_only


@pghistory.track()
class BankAccount(models.Model):
    """
    A bank account of a seller; it appears with its first statement.

    number: its IBAN, or the bank's own number, without blanks.
    csv_columns: how its CSV files were read last: see invoices/payments/bank_files/csv_file.py.
    """

    seller = models.ForeignKey("customers.Seller", on_delete=models.PROTECT, related_name="bank_accounts")
    number = models.CharField(max_length=40, unique=True)
    csv_columns = models.JSONField(default=dict)

    class Meta:
        constraints = [models.CheckConstraint(condition=~Q(number=""), name="bank_account_has_a_number")]

    def __str__(self) -> str:
        return self.number


class StatementFormat(models.TextChoices):
    CAMT053 = "camt053", _("CAMT.053")
    MT940 = "mt940", _("MT940")
    CSV = "csv", _("CSV")


class BankStatement(models.Model):
    """
    A statement in a bank's file, which may have several. Statements are only ever added.

    place: counted from 1 within the file. digest: SHA-256 of the file. reference: the bank's number of the statement.
    opening, closing: balances, unless the format has none.
    lines_in_file, repeated: the number of its lines, and of those that earlier statements had already.
    by, api_key: who imported it, exactly one of them.
    """

    account = models.ForeignKey("invoices.BankAccount", on_delete=models.PROTECT, related_name="statements")
    format = models.CharField(max_length=7, choices=StatementFormat)
    file_name = models.CharField(max_length=200, blank=True)
    digest = models.CharField(max_length=64)
    place = models.PositiveSmallIntegerField()
    reference = models.CharField(max_length=70, blank=True)
    currency = CurrencyField(default=None, null=True)
    opening = models.DecimalField(**AMOUNT, null=True)
    closing = models.DecimalField(**AMOUNT, null=True)
    lines_in_file = models.PositiveIntegerField()
    repeated = models.PositiveIntegerField()
    by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="+", db_index=False
    )
    api_key = models.ForeignKey(
        "customers.ApiKey", on_delete=models.PROTECT, null=True, related_name="+", db_index=False
    )
    imported_at = models.DateTimeField()

    class Meta:
        permissions = [("import_bankstatement", "Can import bank statements")]
        constraints = [
            one_of("format", StatementFormat, name="bank_statement_format_is_known"),
            finite("opening", least=-MAX_MONEY, name="statement_opening_balance_is_finite"),
            finite("closing", least=-MAX_MONEY, name="statement_closing_balance_is_finite"),
            models.CheckConstraint(
                condition=Q(opening__isnull=True, closing__isnull=True)
                | Q(opening__isnull=False, closing__isnull=False, currency__isnull=False),
                name="balances_come_in_pairs",
            ),
            models.CheckConstraint(condition=Q(repeated__lt=F("lines_in_file")), name="bank_statement_brings_a_line"),
            models.CheckConstraint(
                condition=Q(by__isnull=True, api_key__isnull=False) | Q(by__isnull=False, api_key__isnull=True),
                name="bank_statement_names_who_imported_it",
            ),
            models.CheckConstraint(condition=Q(digest__regex="^[0-9a-f]{64}$"), name="bank_file_digest_is_sha256"),
        ]
        triggers = [append_only()]

    def __str__(self) -> str:
        return f"{self.account_id}/{self.reference or self.pk}"


class BankLineState(models.TextChoices):
    """`new`: a worker matches it next."""

    NEW = "new", _("being matched")
    BOOKED = "booked", _("booked")
    REVIEW = "review", _("for review")
    IGNORED = "ignored", _("ignored")
    OUTGOING = "outgoing", _("outgoing")


@pghistory.track(fields=["state", "reason", "customer"], model_name="BankLineEvent")
class BankLine(models.Model):
    """
    One movement of a bank account, as the bank reports it. Lines are only ever added; only the state changes.

    identity: SHA-256 of what identifies the movement within the account (bank_statements/line_identity.py): the same
        movement in another file is not stored again.
    amount: above zero for money received, below zero for money sent, which is outgoing and no payment.
    payer_name, payer_account, text, end_to_end_id: personal data; blank once they have left (docs/personal-data.md).
    reason: why it was booked, left for review or ignored. customer: whose invoices it paid.
    """

    account = models.ForeignKey(
        "invoices.BankAccount", on_delete=models.PROTECT, related_name="lines", db_index=False
    )
    statement = models.ForeignKey("invoices.BankStatement", on_delete=models.PROTECT, related_name="lines")
    place = models.PositiveIntegerField()
    identity = models.CharField(max_length=64)
    value_date = models.DateField()
    amount = models.DecimalField(**AMOUNT)
    currency = CurrencyField(default=None)
    payer_name = models.CharField(max_length=140, blank=True)
    payer_account = models.CharField(max_length=40, blank=True)
    text = models.CharField(max_length=1000, blank=True)
    end_to_end_id = models.CharField(max_length=70, blank=True)
    bank_reference = models.CharField(max_length=70, blank=True)
    is_reversal = models.BooleanField(default=False)
    state = models.CharField(max_length=8, choices=BankLineState)
    reason = models.CharField(max_length=300, blank=True)
    customer = models.ForeignKey("customers.Customer", on_delete=models.PROTECT, null=True, related_name="bank_lines")

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["account", "identity"], name="bank_line_is_stored_once"),
            models.UniqueConstraint(fields=["statement", "place"], name="bank_line_has_its_place"),
            one_of("state", BankLineState, name="bank_line_state_is_known"),
            models.CheckConstraint(
                condition=Q(amount__gte=-MAX_MONEY, amount__lte=MAX_MONEY) & ~Q(amount=0),
                name="bank_line_moves_an_amount",
            ),
            models.CheckConstraint(
                condition=Q(state="outgoing", amount__lt=0) | (~Q(state="outgoing") & Q(amount__gt=0)),
                name="outgoing_line_is_no_payment",
            ),
            models.CheckConstraint(
                condition=Q(state="booked", customer__isnull=False) | (~Q(state="booked") & Q(customer__isnull=True)),
                name="booked_line_names_its_customer",
            ),
            models.CheckConstraint(
                condition=~Q(state__in=["ignored", "review"]) | ~Q(reason=""), name="unbooked_line_says_why"
            ),
            models.CheckConstraint(condition=Q(identity__regex="^[0-9a-f]{64}$"), name="line_identity_is_sha256"),
        ]
        indexes = [
            models.Index(fields=["id"], condition=Q(state="new"), name="bank_line_to_match"),
            models.Index(fields=["id"], condition=Q(state="review"), name="bank_line_to_review"),
            # Earlier payments of the same payer.
            models.Index(
                fields=["payer_account", "customer"],
                condition=Q(state="booked") & ~Q(payer_account=""),
                name="bank_line_by_payer",
            ),
        ]
        triggers = [bank_line_stays_as_imported(), bank_line_is_booked_in_full()]

    def __str__(self) -> str:
        return f"{self.value_date:%Y-%m-%d}: {self.amount.normalize():f} {self.currency}"

    @property
    def bookings_in_force(self) -> list["BankBooking"]:
        """The bookings that are not undone, in their order."""
        return sorted((row for row in self.bookings.all() if row.undone_at is None), key=lambda row: row.number)


class BankBooking(models.Model):
    """
    The part of a bank line that one invoice received: a payment, an overpayment on the customer balance, or both.

    number: counted from 1 within the line, so that a line that was booked, undone and booked again has new payments.
    undone_at: when the payment was reversed, and the line left for review again.
    """

    line = models.ForeignKey("invoices.BankLine", on_delete=models.PROTECT, related_name="bookings", db_index=False)
    number = models.PositiveSmallIntegerField()
    invoice = models.ForeignKey("invoices.Invoice", on_delete=models.PROTECT, related_name="bank_bookings")
    amount = models.DecimalField(**AMOUNT)
    payment = models.OneToOneField(
        "invoices.Payment", on_delete=models.PROTECT, null=True, related_name="bank_booking"
    )
    entry = models.OneToOneField(
        "invoices.BalanceEntry", on_delete=models.PROTECT, null=True, related_name="bank_booking"
    )
    booked_at = models.DateTimeField()
    undone_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["line", "number"], name="bank_booking_has_its_number"),
            models.CheckConstraint(
                condition=Q(amount__gt=0, amount__lte=MAX_MONEY), name="bank_booking_is_above_zero"
            ),
            models.CheckConstraint(
                condition=Q(payment__isnull=False) | Q(entry__isnull=False), name="bank_booking_names_its_money"
            ),
            models.CheckConstraint(
                condition=Q(undone_at__isnull=True)
                | Q(undone_at__gte=F("booked_at"), payment__isnull=False, entry__isnull=True),
                name="only_payments_are_undone",
            ),
        ]
        triggers = [booking_is_of_its_line(), booking_is_only_undone()]

    def __str__(self) -> str:
        return f"{self.line_id}/{self.number}"
