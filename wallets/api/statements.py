"""A wallet's statement over HTTP."""

from datetime import datetime
from typing import Any

from django.http import HttpResponse, StreamingHttpResponse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter
from rest_framework import serializers
from rest_framework.request import Request

from customers.customer_time import current_time
from lib.api.fields import InstantField, StrictFields
from lib.api.number_fields import NumberField
from lib.api.operations import get
from wallets.api.wallets import WalletRows
from wallets.ledger.errors import LedgerRefused
from wallets.models import Wallet
from wallets.statements.downloads import csv_answer, pdf_answer
from wallets.statements.files import NoFont
from wallets.statements.ledger_sums import read_statement, this_month
from wallets.statements.totals import Statement, StatementSection

SPAN_REFUSALS = {LedgerRefused: ("invalid-fields", "invalid")}
SPAN = (
    OpenApiParameter(
        "since", OpenApiTypes.DATETIME, description="Default: the start of the month in the customer's time zone."
    ),
    OpenApiParameter("until", OpenApiTypes.DATETIME, description="Exclusive. Default: now."),
)


class SpanSerializer(StrictFields, serializers.Serializer[Any]):
    """The interval of the statement."""

    since = InstantField(required=False)
    until = InstantField(required=False)


class StatementLineSerializer(serializers.Serializer[Any]):
    """The movements of one kind."""

    section = serializers.ChoiceField([section.value for section in StatementSection])
    name = serializers.CharField(help_text="The kind for grants, the feature's name for usage.")
    units = NumberField(help_text="Units added to the wallet; negative if removed.")
    cost = NumberField(source="money", help_text="Their cost, net of tax.")
    moved = NumberField(help_text="Units moved within the wallet: rolled over, or settling an overdraft.")


class StatementSerializer(serializers.Serializer[Any]):
    """opening + Σ lines = closing, in units and in cost."""

    wallet = serializers.IntegerField()
    unit = serializers.CharField()
    currency = serializers.CharField(help_text="Currency of the costs.")
    since = InstantField()
    until = InstantField()
    opening = NumberField()
    opening_cost = NumberField()
    lines = StatementLineSerializer(many=True)
    closing = NumberField()
    closing_cost = NumberField(help_text="Cost of the remaining units: the deferred revenue.")


class Statements(WalletRows[Any]):
    """Statements of a wallet visible to the caller."""

    owners = WalletRows.owners.select_related("customer__seller")

    def read_request(self) -> tuple[Wallet, datetime, datetime, Statement]:
        """
        Return the wallet, the interval and the statement of the request.

        :raises Problem: if there is no such interval.
        """
        wallet = self.owner
        span = SpanSerializer(data=self.request.query_params.dict())
        span.is_valid(raise_exception=True)
        first, now = this_month(wallet, at=current_time(wallet.customer))
        since, until = span.validated_data.get("since", first), span.validated_data.get("until", now)
        return wallet, since, until, read_statement(wallet, since=since, until=until)

    @get(
        "get_wallet_statement",
        "Read a wallet's statement",
        "By the time of booking. Usage is grouped by feature, grants by kind.",
        parameters=SPAN,
        response=StatementSerializer,
        refusals=SPAN_REFUSALS,
    )
    def read(self, request: Request, wallet: int) -> dict[str, Any]:
        owner, since, until, statement = self.read_request()
        facts = {"wallet": owner.pk, "unit": owner.unit, "currency": str(owner.currency)}
        return facts | {"since": since, "until": until} | statement._asdict()

    @get(
        "download_wallet_statement_csv",
        "Download a wallet's statement as CSV",
        "The statement as CSV.",
        parameters=SPAN,
        response={(200, "text/csv"): OpenApiTypes.STR},
        refusals=SPAN_REFUSALS,
    )
    def download_csv(self, request: Request, wallet: int) -> StreamingHttpResponse:
        owner, since, until, statement = self.read_request()
        return csv_answer(owner, statement, since=since, until=until)

    @get(
        "download_wallet_statement_pdf",
        "Download a wallet's statement as PDF",
        "The statement as PDF.",
        parameters=SPAN,
        response={(200, "application/pdf"): OpenApiTypes.BINARY},
        refusals={**SPAN_REFUSALS, NoFont: "unprocessable"},
    )
    def download_pdf(self, request: Request, wallet: int) -> HttpResponse:
        owner, since, until, statement = self.read_request()
        return pdf_answer(owner, statement, since=since, until=until)
