"""GET /api/v1/revenue/mrr, /movements, /retention and /cohorts: a seller's recurring revenue in one currency."""

from collections.abc import Callable
from datetime import date
from decimal import Decimal
from fractions import Fraction
from functools import partial
from typing import Any

from django.utils import timezone
from drf_spectacular.utils import OpenApiParameter
from rest_framework import serializers
from rest_framework.request import Request

from billing.revenue.metrics.figures import YEAR, MonthMovements, MrrReport
from billing.revenue.metrics.months import NoSuchMonths
from billing.revenue.metrics.reports import read_currencies, read_movements, read_mrr_report
from customers.models import Seller
from customers.models.api_keys import Scope
from lib.api.fields import InstantField
from lib.api.filters import MONTH_SCHEMA, read_month
from lib.api.operations import get
from lib.api.problems import Problem, invalid_field
from lib.api.views import ApiView
from lib.decimals import ZERO
from lib.money import round_money, round_to
from plans.metrics.movements import KINDS

MAX_MONTHS = 120
MAX_ROWS = 200
MAX_OFFSET = 1_000_000
PLACES = Decimal("0.0001")
"""A rate has four decimal places: 0.8136 is 81.36%."""

_AMOUNT = "In the report's currency."
_RATE = "As a fraction of 1, to four places; null where it would divide by zero."


class MonthSerializer(serializers.Serializer[dict[str, Any]]):
    """Recurring revenue over one month: opening + movements = closing."""

    month = serializers.CharField(help_text="In the seller's time zone, such as 2026-01.")
    locked = serializers.BooleanField(help_text="Whether the figures are frozen.")
    complete = serializers.BooleanField(help_text="Whether the month is over.")
    opening = serializers.CharField(help_text=_AMOUNT)
    new = serializers.CharField()
    expansion = serializers.CharField()
    reactivation = serializers.CharField()
    contraction = serializers.CharField(help_text="Zero or less.")
    churn = serializers.CharField(help_text="Zero or less.")
    closing = serializers.CharField(help_text="Committed MRR.")
    gross = serializers.CharField(help_text="Committed MRR before coupons without an end.")
    usage = serializers.CharField(allow_null=True, help_text="Usage MRR, which is not part of the other amounts.")
    customers = serializers.IntegerField(help_text="With recurring revenue at the end.")
    gained = serializers.IntegerField()
    lost = serializers.IntegerField()


class RevenueReportSerializer(serializers.Serializer[dict[str, Any]]):
    """What every report says about itself."""

    seller = serializers.CharField()
    currency = serializers.CharField()
    as_of = InstantField()


class MrrSerializer(RevenueReportSerializer):
    """Recurring revenue by month."""

    arr = serializers.CharField(help_text="12 × the last month's closing.")
    arpa = serializers.CharField(allow_null=True, help_text="Closing ÷ customers.")
    quick_ratio = serializers.CharField(allow_null=True, help_text="Gains ÷ losses of these months.")
    churn_rate = serializers.CharField(allow_null=True, help_text=f"Of the last complete month. {_RATE}")
    months = MonthSerializer(many=True)


class CustomerMovementSerializer(serializers.Serializer[dict[str, Any]]):
    """A customer's movement in the month."""

    customer = serializers.CharField()
    kind = serializers.ChoiceField(choices=KINDS)
    opening = serializers.CharField()
    amount = serializers.CharField()
    closing = serializers.CharField()


class MovementsSerializer(RevenueReportSerializer):
    """The movements of a month by customer, the largest first."""

    month = serializers.CharField()
    total = serializers.IntegerField(help_text="Number of all movements, on this page and others.")
    movements = CustomerMovementSerializer(many=True)


class RetentionSerializer(RevenueReportSerializer):
    """What the customers of twelve months ago pay now; newcomers don't count."""

    month = serializers.CharField()
    then = serializers.CharField(help_text="Their MRR twelve months before.")
    now = serializers.CharField(help_text="Their MRR now.")
    kept = serializers.CharField(help_text="The sum of the smaller of both, by customer.")
    customers = serializers.IntegerField()
    kept_customers = serializers.IntegerField()
    net_retention = serializers.CharField(allow_null=True, help_text=f"NRR. {_RATE}")
    gross_retention = serializers.CharField(allow_null=True, help_text=f"GRR. {_RATE}")
    customer_retention = serializers.CharField(allow_null=True, help_text=_RATE)


class CohortSerializer(serializers.Serializer[dict[str, Any]]):
    """The customers whose first MRR is in one month, at its end and at each later month end."""

    month = serializers.CharField()
    revenue = serializers.ListField(child=serializers.CharField())
    customers = serializers.ListField(child=serializers.IntegerField())


class CohortsSerializer(RevenueReportSerializer):
    """Cohorts by the month of their first MRR."""

    cohorts = CohortSerializer(many=True)


_ABOUT = (
    OpenApiParameter("seller", str, required=True, description="The seller's code."),
    OpenApiParameter("currency", str, description="Default: the seller's own, or else its first."),
)
_UNTIL = OpenApiParameter(
    "until", MONTH_SCHEMA, description="The last month, such as 2026-01. Default: the running one."
)
_COUNT = OpenApiParameter(
    "months",
    {"type": "integer", "minimum": 1, "maximum": MAX_MONTHS, "default": YEAR},
    description="Number of months.",
)
_revenue = partial(get, scope=Scope.REVENUE_READ.value, problems=("not-found",))


class Metrics(ApiView[Any]):
    """
    Recurring revenue of a seller in one currency. Locked months are frozen, open ones are computed when you ask. No
    figure adds two currencies, and sandbox customers appear nowhere.
    """

    @_revenue(
        "read_mrr",
        "Read MRR by month with its movements",
        parameters=(*_ABOUT, _UNTIL, _COUNT),
        response=MrrSerializer,
    )
    def read_mrr(self, request: Request) -> dict[str, Any]:
        report = self._report()
        return _about(report) | {
            "arr": str(report.arr),
            "arpa": None if report.arpa is None else str(round_money(report.arpa, report.currency)),
            "quick_ratio": _rate(report.quick_ratio),
            "churn_rate": _rate(report.churn_rate),
            "months": [_month_shown(row.shown(report.currency)) for row in report.months],
        }

    @_revenue(
        "read_mrr_movements",
        "Read the MRR movements of a month by customer",
        parameters=(
            *_ABOUT,
            OpenApiParameter("month", MONTH_SCHEMA, required=True, description="For example, 2026-01."),
            OpenApiParameter("kind", str, enum=KINDS, description="Default: all kinds."),
            OpenApiParameter(
                "limit",
                {"type": "integer", "minimum": 1, "maximum": MAX_ROWS, "default": MAX_ROWS},
                description="Movements per page.",
            ),
            OpenApiParameter(
                "offset",
                {"type": "integer", "minimum": 0, "maximum": MAX_OFFSET, "default": 0},
                description="Movements to skip.",
            ),
        ),
        response=MovementsSerializer,
    )
    def read_movements(self, request: Request) -> dict[str, Any]:
        seller, at = self._seller(), timezone.now()
        currency, month = self._currency(seller), self._month("month")
        kind = request.query_params.get("kind", "")
        if kind and kind not in KINDS:
            raise invalid_field("kind", f"“{kind}” is not a movement; choose from {', '.join(KINDS)}.")
        if month is None:
            raise invalid_field("month", "Name the month, like 2026-01.")
        rows, total = self._read(
            partial(read_movements, seller=seller, currency=currency, month=month, at=at),
            kinds=[chosen for chosen in KINDS if kind in ("", chosen)],
            limit=self._number("limit", default=MAX_ROWS, least=1, most=MAX_ROWS),
            offset=self._number("offset", default=0, least=0, most=MAX_OFFSET),
        )
        figures = ("kind", "opening", "amount", "closing")
        return {
            "seller": seller.code,
            "currency": currency,
            "as_of": at,
            "month": f"{month:%Y-%m}",
            "total": total,
            "movements": [
                {"customer": row.external_id} | {name: str(getattr(row, name)) for name in figures} for row in rows
            ],
        }

    @_revenue(
        "read_retention",
        "Read NRR and GRR over twelve months",
        parameters=(*_ABOUT, _UNTIL),
        response=RetentionSerializer,
    )
    def read_retention(self, request: Request) -> dict[str, Any]:
        report = self._report(count=1)
        retained = report.retention
        sums = (retained.then, retained.now, retained.kept) if retained else (ZERO, ZERO, ZERO)
        then, now, kept = (str(round_money(amount, report.currency)) for amount in sums)
        return _about(report) | {
            "month": f"{report.last.month.month:%Y-%m}",
            "then": then,
            "now": now,
            "kept": kept,
            "customers": retained.customers if retained else 0,
            "kept_customers": retained.kept_customers if retained else 0,
            "net_retention": _rate(retained.net if retained else None),
            "gross_retention": _rate(retained.gross if retained else None),
            "customer_retention": _rate(retained.logos if retained else None),
        }

    @_revenue(
        "read_cohorts",
        "Read cohorts by the month of their first MRR",
        parameters=(*_ABOUT, _UNTIL, _COUNT),
        response=CohortsSerializer,
    )
    def read_cohorts(self, request: Request) -> dict[str, Any]:
        report = self._report()
        return _about(report) | {
            "cohorts": [
                {
                    "month": f"{month:%Y-%m}",
                    "revenue": [str(round_money(amount, report.currency)) for amount in cohort.revenue],
                    "customers": cohort.customers,
                }
                for month, cohort in report.cohorts
            ]
        }

    def _report(self, *, count: int | None = None) -> MrrReport:
        seller = self._seller()
        shown = count or self._number("months", default=YEAR, least=1, most=MAX_MONTHS)
        report: MrrReport = self._read(
            read_mrr_report,
            seller=seller,
            currency=self._currency(seller),
            at=timezone.now(),
            count=shown,
            until=self._month("until"),
        )
        return report

    def _read(self, read: Callable[..., Any], **arguments: Any) -> Any:
        try:
            return read(**arguments)
        except NoSuchMonths as error:
            if error.field == "seller":
                raise Problem("not-found", str(error)) from error
            raise invalid_field("month" if "kinds" in arguments else "until", str(error)) from error

    def _seller(self) -> Seller:
        code = self.request.query_params.get("seller", "")
        seller = Seller.objects.filter(code=code).first()
        if seller is None or self.caller.sandbox:
            raise Problem("not-found", f"No seller “{code}” has live subscriptions.")
        return seller

    def _currency(self, seller: Seller) -> str:
        currencies = read_currencies(seller)
        currency = self.request.query_params.get("currency") or (currencies or [str(seller.currency)])[0]
        if currencies and currency not in currencies:
            text = f"{seller.code} has no subscriptions in “{currency}”; choose from {', '.join(currencies)}."
            raise invalid_field("currency", text)
        return currency

    def _month(self, name: str) -> date | None:
        text = self.request.query_params.get(name, "")
        return read_month(name, text) if text else None

    def _number(self, name: str, *, default: int, least: int, most: int) -> int:
        text = self.request.query_params.get(name, str(default))
        if not (text.isascii() and text.isdecimal() and least <= int(text) <= most):
            raise invalid_field(name, f"“{text}” is not a whole number from {least} to {most:,}.")
        return int(text)


def _about(report: MrrReport) -> dict[str, Any]:
    return {"seller": report.seller.code, "currency": report.currency, "as_of": report.as_of}


def _month_shown(row: MonthMovements) -> dict[str, Any]:
    return {
        "month": f"{row.month.month:%Y-%m}",
        "locked": row.month.lock_id is not None,
        "complete": row.month.is_over,
        "opening": str(row.opening),
        **{kind: str(row.movements[kind]) for kind in KINDS},
        "closing": str(row.closing),
        "gross": str(row.gross),
        "usage": None if row.usage is None else str(row.usage),
        "customers": row.customers,
        "gained": row.gained,
        "lost": row.lost,
    }


def _rate(share: Fraction | None) -> str | None:
    return None if share is None else str(round_to(share, PLACES))
