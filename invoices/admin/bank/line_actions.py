"""Actions of staff on a bank line: book it, ignore it, undo either."""

from decimal import Decimal
from typing import Any

from django import forms
from django.http import HttpResponse
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from unfold.widgets import UnfoldAdminTextareaWidget

from access.admin.approvable_action import ApprovableAction
from access.approvals import Act
from invoices.models import BankLine
from invoices.models.bank_statements import BankLineState
from invoices.payments.bank_statements.acts import BookBankLine
from invoices.payments.bank_statements.bookings import BankLineRefused, ignore_line, undo_booking
from invoices.payments.bank_statements.candidate_reader import invoices_of
from lib.admin import ConfirmedAction, Preview, Response, StaffForm
from lib.formats import format_money

REVIEW_PAGE = "admin:invoices_bankstatement_review_page"


class BookingForm(StaffForm):
    """
    The invoices that a line pays.

    shares: (invoice, amount), once the form is valid.
    """

    invoices = forms.CharField(
        label=_("Invoices"),
        max_length=2_000,
        widget=UnfoldAdminTextareaWidget(attrs={"rows": 3}),
        help_text=_(
            "One number per line. To split the amount, add the parts: INV-000012 = 50.00. The part beyond the amount"
            " due goes to the customer balance."
        ),
    )

    def __init__(self, *args: Any, line: BankLine, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.line = line
        self.shares: list[tuple[int, Decimal]] = []

    def clean_invoices(self) -> str:
        text: str = self.cleaned_data["invoices"]
        rows = [row.strip() for row in text.splitlines() if row.strip()]
        parts = [row.partition("=") for row in rows]
        numbers = [number.strip() for number, _equals, _amount in parts]
        found_invoices = invoices_of(self.line.account.seller_id).filter(number__in=numbers)
        invoices = {invoice.number: invoice for invoice in found_invoices}
        for number in numbers:
            if number not in invoices:
                text = gettext("There is no invoice “%(number)s” of %(seller)s.")
                raise forms.ValidationError(text % {"number": number, "seller": self.line.account.seller})
        for (_number, equals, amount), number in zip(parts, numbers, strict=True):
            invoice = invoices[number]
            # Without parts, a single invoice gets the whole line, and each of several its amount due.
            default = self.line.amount if len(rows) == 1 else invoice.due
            self.shares.append((invoice.pk, _decimal(amount) if equals else default))
        return text


def _decimal(text: str) -> Decimal:
    field = forms.DecimalField(max_digits=19, decimal_places=4)
    amount: Decimal = field.clean(text.strip())
    return amount


class LineAction(ConfirmedAction[BankLine]):
    """An action after which the user goes on with the review, where they began it there."""

    def go(self, to: Any = None) -> HttpResponse:
        return super().go(reverse(REVIEW_PAGE) if to is None and "from_review" in self.request.POST else to)


class BookLineAction(LineAction, ApprovableAction[BankLine]):
    """Book a line to the invoices that a person chose; the approval rules for payments recorded by hand apply."""

    label, icon, verb = _("Book to invoices"), "receipt_long", _("Book")
    permission = "invoices.record_payment"
    refusals = BookBankLine.refusals

    @staticmethod
    def is_offered(line: BankLine) -> bool:
        return line.state == BankLineState.REVIEW

    def make_form(self, line: BankLine) -> BookingForm:
        return BookingForm(self.posted, line=line)

    def preview(self, line: BankLine) -> Preview:
        amount = format_money(line.amount, str(line.currency))
        return Preview(
            title=gettext("Book %(amount)s of %(payer)s") % {"amount": amount, "payer": payer_of(line)},
            consequences=[
                gettext("This records payments that you have received. No money moves."),
                gettext("The whole amount is booked, to invoices of one customer."),
            ],
        )

    def act(self, line: BankLine) -> Act[Any]:
        reason = self.reason or gettext("Booked by %(user)s.") % {"user": self.user.get_username()}
        return BookBankLine(line_id=line.pk, shares=self.form.shares, reason=reason)

    def report(self, line: BankLine, outcome: BankLine) -> Response:
        bookings = outcome.bookings.filter(undone_at=None).select_related("invoice").order_by("number")
        names = {
            "amount": format_money(outcome.amount, str(outcome.currency)),
            "invoices": ", ".join(str(booking.invoice) for booking in bookings),
        }
        return self.done(gettext("%(amount)s was booked to %(invoices)s.") % names)


class IgnoreLine(LineAction):
    label, icon, verb = _("Ignore"), "visibility_off", _("Ignore line")
    permission = "invoices.record_payment"
    missing_reason = _("Enter a reason. It is stored with the line.")
    refusals = (BankLineRefused,)
    title = _("Ignore the line of {}")
    consequences = (
        _("The line is no payment of a customer, such as interest or a transfer between your own accounts."),
        _("It stays in the list, with your reason. This can be undone."),
    )

    @staticmethod
    def is_offered(line: BankLine) -> bool:
        return line.state == BankLineState.REVIEW

    def run(self, line: BankLine) -> Response:
        ignore_line(line_id=line.pk, reason=self.reason, at=timezone.now(), by=self.user)
        return self.done(gettext("The line is ignored."))


class UndoLine(LineAction):
    label, icon, verb = _("Undo"), "undo", _("Undo")
    permission = "invoices.record_payment"
    missing_reason = _("Enter a reason. It is stored with the line.")
    refusals = (BankLineRefused,)
    title = _("Undo the booking of {}")
    consequences = (
        _("Its payments are reversed: their amounts are due again, and the customer is notified."),
        _("The line is for review again."),
    )

    @staticmethod
    def is_offered(line: BankLine) -> bool:
        if line.state == BankLineState.BOOKED:
            return not line.bookings.filter(undone_at=None, entry__isnull=False).exists()
        return line.state == BankLineState.IGNORED

    def preview(self, line: BankLine) -> Preview:
        if line.state != BankLineState.IGNORED:
            return super().preview(line)
        return Preview(
            title=gettext("Review the line of %(line)s again") % {"line": line},
            consequences=[gettext("The line is for review again.")],
        )

    def run(self, line: BankLine) -> Response:
        undo_booking(line_id=line.pk, reason=self.reason, at=timezone.now(), by=self.user)
        return self.done(gettext("The line is for review again."))


def payer_of(line: BankLine) -> str:
    return line.payer_name or gettext("an unnamed payer")
