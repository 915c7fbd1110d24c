"""GET /api/v1/revenue/{report}: a revenue report of one seller in one currency."""

from datetime import date, datetime
from typing import Any

from django.utils import timezone
from drf_spectacular.utils import OpenApiParameter
from rest_framework import serializers
from rest_framework.request import Request

from billing.revenue.finance_home.forecast_report import FORECAST, report_forecast
from billing.revenue.reports.conversion import ReportCurrency, read_report_currency
from billing.revenue.reports.entries import currencies_of
from billing.revenue.reports.registry import REPORTS, NotConvertible, UnknownDivision, read_report
from customers.models import Seller
from lib.api.filters import MONTH_SCHEMA, read_month
from lib.api.operations import get
from lib.api.problems import Problem, invalid_field
from lib.api.views import ApiView
from lib.currencies import MINOR_UNITS
from lib.money import UnknownCurrency

MOST_PAGES = 100_000


class BooksReportSerializer(serializers.Serializer[dict[str, Any]]):
    """A report as a table."""

    report = serializers.CharField()
    currency = serializers.CharField()
    as_of = serializers.CharField(help_text="The time up to which the report counts.")
    locked_until = serializers.CharField(
        allow_null=True, help_text="The last month that can no longer change, such as 2026-01; null: none is locked."
    )
    is_converted = serializers.BooleanField(
        help_text="Whether the books of all currencies are converted at the rates of exchange."
    )
    missing_rates = serializers.ListField(
        child=serializers.CharField(), help_text="Why amounts of a converted report are null: the rates to import."
    )
    columns = serializers.ListField(child=serializers.CharField(), help_text="The columns, in order.")
    rows = serializers.ListField(
        child=serializers.DictField(),
        help_text="Column → value: an exact amount as text, a month as 2026-01, or null.",
    )


class RevenueReports(ApiView[Any]):
    """Revenue reports. Locked months never change; open ones are computed from invoices and the ledger."""

    @get(
        "read_revenue_report",
        "Read a revenue report",
        scope="revenue:read",
        parameters=(
            OpenApiParameter("report", str, OpenApiParameter.PATH, enum=[*REPORTS, FORECAST]),
            OpenApiParameter("seller", str, required=True, description="The seller's code."),
            OpenApiParameter("currency", str, enum=list(MINOR_UNITS), description="Default: the seller's currency."),
            OpenApiParameter(
                "in", str, description="Convert the books of all currencies into this one, in place of `currency`."
            ),
            OpenApiParameter(
                "apart", str, description="Currencies that a converted report leaves out, such as EUR,NOK."
            ),
            OpenApiParameter("by", str, description="What income or margin is divided by, such as plan."),
            OpenApiParameter("since", MONTH_SCHEMA, description="The first accounting month, such as 2026-01."),
            OpenApiParameter("until", MONTH_SCHEMA, description="The last accounting month."),
            OpenApiParameter(
                "page",
                {"type": "integer", "minimum": 1, "maximum": MOST_PAGES, "default": 1},
                description="Of aging and margin, whose rows are unlimited.",
            ),
        ),
        response=BooksReportSerializer,
    )
    def read(self, request: Request, report: str) -> dict[str, Any]:
        query = request.query_params
        seller = Seller.objects.filter(code=query.get("seller", "")).first()
        if seller is None or self.caller.sandbox:
            raise Problem("not-found", f"No seller “{query.get('seller', '')}” has books.")
        at = timezone.now()
        currency = query.get("currency") or str(seller.currency)
        if currency not in MINOR_UNITS:
            raise invalid_field("currency", f"“{currency[:40]}” is not an ISO 4217 currency code.")
        if report == FORECAST:
            return report_forecast(seller, currency=currency, at=at).as_json()
        if report not in REPORTS:
            choices = ", ".join([*REPORTS, FORECAST])
            raise Problem("not-found", f"There is no report “{report}”. Choose one of: {choices}.")
        try:
            return read_report(
                report,
                seller,
                currency=currency,
                at=at,
                into=_into(seller, query.get("in", ""), apart=query.get("apart", ""), at=at),
                by=query.get("by", ""),
                since=_month("since", query.get("since", "")),
                until=_month("until", query.get("until", "")),
                page=_page(query.get("page", "1")),
            ).as_json()
        except UnknownDivision as error:
            raise invalid_field("by", str(error)) from error
        except (NotConvertible, UnknownCurrency) as error:
            raise invalid_field("in", str(error)) from error


def _into(seller: Seller, currency: str, *, apart: str, at: datetime) -> ReportCurrency | None:
    if not currency:
        return None
    codes = apart.split(",") if apart else []
    return read_report_currency(seller, currency, currencies=currencies_of(seller, at=at), at=at, apart=codes)


def _page(text: str) -> int:
    if not (text.isascii() and text.isdecimal() and 1 <= int(text) <= MOST_PAGES):
        raise invalid_field("page", f"“{text}” is not a page; write a number from 1 to {MOST_PAGES:,}.")
    return int(text)


def _month(name: str, text: str) -> date | None:
    return read_month(name, text) if text else None
