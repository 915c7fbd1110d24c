"""Statements of account over HTTP."""

from datetime import date
from typing import Any

from djmoney.money import Money
from drf_spectacular.utils import OpenApiParameter
from rest_framework import serializers
from rest_framework.request import Request

from customers.api.views import CustomerRows
from customers.models import Seller
from invoices.statements.account_statement import AccountStatement, StatementRefused, read_account_statement
from invoices.statements.movements import MovementKind
from lib.api.fields import InstantField
from lib.api.number_fields import AmountField
from lib.api.operations import get
from lib.api.problems import invalid_field
from lib.currencies import MINOR_UNITS


class AccountMovementSerializer(serializers.Serializer[Any]):
    """One movement of the account."""

    at = InstantField()
    day = serializers.DateField(help_text="In the seller's time zone.")
    kind = serializers.ChoiceField(choices=MovementKind.choices)
    amount = AmountField(help_text="Above zero if the customer owes more by it.")
    invoice = serializers.IntegerField(
        source="invoice_id", allow_null=True, help_text="The invoice or credit note; null for a payout of a balance."
    )
    number = serializers.CharField(help_text="Of the invoice or credit note; empty without one.")
    reference = serializers.CharField(help_text="Of a payment or a refund.")
    balance = AmountField(help_text="After the movement.")


class AccountStatementSerializer(serializers.Serializer[Any]):
    """A statement of account: the opening balance and the movements sum to the closing balance."""

    seller = serializers.CharField(help_text="Code of the seller.")
    currency = serializers.CharField()
    since = serializers.DateField()
    until = serializers.DateField(help_text="The last day, included.")
    opening = AmountField(help_text="Owed by the customer before the first day; below zero, by the seller.")
    movements = AccountMovementSerializer(many=True)
    closing = AmountField(help_text="Owed by the customer after the last day; below zero, by the seller.")


class AccountStatements(CustomerRows[Any]):
    """The account of a customer with a seller in one currency."""

    @get(
        "read_account_statement",
        "Read a customer's statement of account",
        "Invoices, credit notes, payments, refunds and write-offs of some days, with the balance before and after.",
        parameters=(
            OpenApiParameter("since", date, required=True, description="The first day, in the seller's time zone."),
            OpenApiParameter("until", date, required=True, description="The last day, included."),
            OpenApiParameter("seller", str, description="Code of the seller; default: the customer's."),
            OpenApiParameter(
                "currency", str, enum=list(MINOR_UNITS), description="Default: the customer's currency."
            ),
        ),
        response=AccountStatementSerializer,
        problems=("invalid-fields",),
    )
    def read(self, request: Request, customer: str) -> dict[str, Any]:
        query = request.query_params
        seller = self.owner.seller
        if code := query.get("seller"):
            named = Seller.objects.filter(code=code).first()
            if named is None:
                raise invalid_field("seller", f"There is no seller “{code[:60]}”.")
            seller = named
        currency = query.get("currency") or str(self.owner.currency)
        if currency not in MINOR_UNITS:
            raise invalid_field("currency", f"“{currency[:40]}” is not an ISO 4217 currency code.")
        try:
            statement = read_account_statement(
                customer=self.owner,
                seller=seller,
                currency=currency,
                since=_day("since", query.get("since", "")),
                until=_day("until", query.get("until", "")),
            )
        except StatementRefused as refused:
            raise invalid_field(refused.field, str(refused)) from refused
        return _as_row(statement)


def _day(name: str, text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError as error:
        raise invalid_field(name, f"“{text[:40]}” is not a day; write it like 2026-01-31.") from error


def _as_row(statement: AccountStatement) -> dict[str, Any]:
    currency = statement.currency
    names = ("at", "day", "kind", "invoice_id", "number", "reference")
    return {
        "seller": statement.seller.code,
        "currency": currency,
        "since": statement.since,
        "until": statement.until,
        "opening": Money(statement.opening, currency),
        "closing": Money(statement.closing, currency),
        "movements": [
            {
                **{name: getattr(movement, name) for name in names},
                "amount": Money(movement.amount, currency),
                "balance": Money(movement.balance, currency),
            }
            for movement in statement.movements
        ],
    }
