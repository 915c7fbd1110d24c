"""Bank statements over HTTP: import a file, read its lines, book or ignore those for review."""

import base64
from typing import Any

from django.db.models import QuerySet
from django.utils import timezone
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from access.api.approval_requests import ApprovalRequestSerializer, perform_act
from access.approvals import Requester
from customers.models import Seller
from invoices.models import BankBooking, BankLine, BankStatement
from invoices.models.bank_statements import BankLineState
from invoices.payments.bank_files import BankFileRefused
from invoices.payments.bank_files.csv_file import DateOrder, DecimalMark
from invoices.payments.bank_statements.acts import BookBankLine
from invoices.payments.bank_statements.bookings import MAX_LINE_REASON, MAX_SHARES, BankLineRefused, ignore_line
from invoices.payments.bank_statements.file_import import (
    MAX_FILE_NAME,
    ImportedFile,
    columns_from,
    import_bank_file,
)
from invoices.payments.manual_payments import PaymentRefused
from lib.api.fields import CurrencyField, InstantField, RowSerializer, StrictFields
from lib.api.number_fields import AmountField, NumberField
from lib.api.operations import list_rows, post, read_row
from lib.api.problems import invalid_field
from lib.api.views import ApiView
from lib.field_types import MAX_MONEY

MAX_CONTENT = 1_000_000
BASE64 = r"^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$"
"""Characters of a file in base64: a request has at most 1 MiB."""
LINE_REFUSALS = {BankLineRefused: ("unprocessable", "not_bookable"), PaymentRefused: ("unprocessable", "not_payable")}


class BankStatementSerializer(RowSerializer[BankStatement]):
    """A statement of a bank account."""

    seller = serializers.CharField(source="account.seller.code", help_text="Code of the seller.")
    account = serializers.CharField(source="account.number", help_text="IBAN or number, without blanks.")
    opening = NumberField(allow_null=True, help_text="Opening balance; null if the format has none.")
    closing = NumberField(allow_null=True)
    imported_at = InstantField()

    class Meta:
        model = BankStatement
        fields = [
            *("id", "seller", "account", "format", "file_name", "reference", "currency", "opening", "closing"),
            *("lines_in_file", "repeated", "imported_at"),
        ]


class BankBookingSerializer(serializers.ModelSerializer[BankBooking]):
    """The part of a line that an invoice received."""

    invoice = serializers.IntegerField(source="invoice_id")
    amount = NumberField()
    payment = serializers.IntegerField(source="payment_id", allow_null=True)
    balance_entry = serializers.IntegerField(
        source="entry_id", allow_null=True, help_text="The part that went to the customer balance."
    )

    class Meta:
        model = BankBooking
        fields = ["invoice", "amount", "payment", "balance_entry"]


class BankLineSerializer(RowSerializer[BankLine]):
    """A movement of a bank account."""

    statement = serializers.IntegerField(source="statement_id")
    amount = AmountField()
    customer = serializers.CharField(source="customer.external_id", default=None, allow_null=True)
    reason = serializers.CharField(help_text="Why it was booked, left for review or ignored.")
    bookings = BankBookingSerializer(source="bookings_in_force", many=True)

    class Meta:
        model = BankLine
        fields = [
            *("id", "statement", "value_date", "amount", "payer_name", "payer_account", "text", "end_to_end_id"),
            *("bank_reference", "is_reversal", "state", "reason", "customer", "bookings"),
        ]


class CsvColumnsSerializer(StrictFields, serializers.Serializer[Any]):
    """The columns of a CSV file by their headings."""

    date = serializers.CharField(max_length=100)
    amount = serializers.CharField(max_length=100)
    currency = serializers.CharField(max_length=100, required=False)
    default_currency = CurrencyField(required=False, help_text="Of files without a column for it.")
    payer = serializers.CharField(max_length=100, required=False)
    payer_account = serializers.CharField(max_length=100, required=False)
    text = serializers.CharField(max_length=100, required=False, help_text="The purpose.")
    bank_reference = serializers.CharField(max_length=100, required=False)
    date_order = serializers.ChoiceField(choices=list(DateOrder), required=False)
    decimal_mark = serializers.ChoiceField(choices=list(DecimalMark), required=False)


class BankFileSerializer(StrictFields, serializers.Serializer[Any]):
    """A bank's file."""

    seller = serializers.CharField(help_text="Code of the seller whose account it is.")
    content = serializers.RegexField(
        BASE64,
        max_length=MAX_CONTENT,
        help_text="The file in base64.",
        error_messages={"invalid": "Send the file in base64."},
    )
    file_name = serializers.CharField(max_length=MAX_FILE_NAME, required=False)
    account = serializers.CharField(max_length=40, required=False, help_text="Of a CSV file, which doesn't name it.")
    columns = CsvColumnsSerializer(
        required=False, help_text="Of a CSV file; default: those of the account's last file."
    )


class ImportedFileSerializer(serializers.Serializer[ImportedFile]):
    """The outcome of an import."""

    statements = BankStatementSerializer(many=True, help_text="Those that brought a new line.")
    new = serializers.IntegerField(help_text="New lines. They are matched within seconds.")
    repeated = serializers.IntegerField(help_text="Lines that were already imported.")


class BankStatements(ApiView[BankStatement]):
    """Statements of bank accounts. Sandbox customers pay into none of them."""

    queryset = BankStatement.objects.select_related("account__seller")
    serializer_class = BankStatementSerializer
    lookup_url_kwarg = "statement"

    def get_queryset(self) -> QuerySet[Any]:
        """Return all statements to a live key, and none to a sandbox key."""
        statements = super().get_queryset()
        return statements.none() if self.caller.sandbox else statements

    list_all = list_rows(
        "list_bank_statements",
        "List bank statements, newest first",
        filters={"seller": "account__seller__code", "account": "account__number"},
    )
    read = read_row("get_bank_statement", "Read a bank statement")

    @post(
        "import_bank_file",
        "Import a bank file",
        "CAMT.053, MT940 or CSV. Lines that were imported before are left out. A worker books the others to the"
        " invoices that they pay, or leaves them for review in doubt.",
        request=BankFileSerializer,
        response=ImportedFileSerializer,
        status=201,
        refusals={BankFileRefused: ("unprocessable", "not_readable")},
    )
    def import_file(self, request: Request) -> ImportedFile:
        fields = self.read_body()
        seller = Seller.objects.filter(code=fields["seller"]).first()
        if seller is None or self.caller.sandbox:
            raise invalid_field("seller", f"There is no seller {fields['seller']}.", "does_not_exist")
        return import_bank_file(
            seller=seller,
            content=base64.b64decode(fields["content"]),
            file_name=fields.get("file_name", ""),
            by=Requester(api_key_id=self.caller.key_id),
            at=timezone.now(),
            account=fields.get("account", ""),
            columns=columns_from(fields["columns"]) if "columns" in fields else None,
        )


class BankShareSerializer(StrictFields, serializers.Serializer[Any]):
    """An invoice, and its part of the line."""

    invoice = serializers.IntegerField(min_value=1)
    amount = NumberField(positive=True, most=MAX_MONEY, required=False, help_text="Default: the whole line.")


class BookingSerializer(StrictFields, serializers.Serializer[Any]):
    """The invoices of one customer that a line pays."""

    invoices = serializers.ListField(child=BankShareSerializer(), min_length=1, max_length=MAX_SHARES)
    reason = serializers.CharField(max_length=MAX_LINE_REASON, required=False)


class IgnoredLineSerializer(StrictFields, serializers.Serializer[Any]):
    """Why a line is no payment of a customer."""

    reason = serializers.CharField(max_length=MAX_LINE_REASON)


class BankLines(ApiView[BankLine]):
    """Lines of bank statements."""

    queryset = BankLine.objects.select_related("customer").prefetch_related("bookings")
    serializer_class = BankLineSerializer
    lookup_url_kwarg = "line"

    def get_queryset(self) -> QuerySet[Any]:
        """Return all lines to a live key, and none to a sandbox key."""
        lines = super().get_queryset()
        return lines.none() if self.caller.sandbox else lines

    list_all = list_rows(
        "list_bank_lines",
        "List bank lines, newest first",
        filters={"statement": "statement", "state": "state", "seller": "account__seller__code"},
        filter_choices={"state": BankLineState.values},
    )
    read = read_row("get_bank_line", "Read a bank line")

    @post(
        "book_bank_line",
        "Book a bank line",
        "Books a line that is for review to invoices of one customer. Parts beyond the amount due go to the customer"
        " balance.",
        request=BookingSerializer,
        accepted=ApprovalRequestSerializer,
        refusals=LINE_REFUSALS,
        examples={"The whole line": {"invoices": [{"invoice": 12}]}},
    )
    def book(self, request: Request, line: int) -> BankLine | Response:
        row, fields = self.get_object(), self.read_body()
        shares = [(share["invoice"], share.get("amount", row.amount)) for share in fields["invoices"]]
        act = BookBankLine(line_id=row.pk, shares=shares, reason=fields.get("reason", "Booked by the API."))
        outcome = perform_act(self, act)
        return self.reload(outcome) if isinstance(outcome, BankLine) else outcome

    @post(
        "ignore_bank_line",
        "Ignore a bank line",
        "For a line that is no payment of a customer.",
        request=IgnoredLineSerializer,
        refusals=LINE_REFUSALS,
    )
    def ignore(self, request: Request, line: int) -> BankLine:
        row, fields = self.get_object(), self.read_body()
        return self.reload(ignore_line(line_id=row.pk, **fields, at=timezone.now(), by=None))
