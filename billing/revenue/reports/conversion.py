"""
Entries of a seller's books in one currency: docs/exchange-rates.md#reports-in-one-currency.

Each posting is converted once, at the rate of its day, on both sides. Monetary balances stand at the closing rate of
each month; an entry against *exchange differences* takes the gap, so that the converted books balance, too.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import ROUND_HALF_EVEN, Context, Decimal
from fractions import Fraction
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from billing.models.postings import Role
from billing.revenue.ledger.books import SellerBooks
from billing.revenue.ledger.live_postings import DETAILS
from customers.exchange_rates.conversion import RateBook
from customers.exchange_rates.stored_rates import read_rate_book
from customers.models import Seller
from lib.money import minor_unit

RATE = "rate"
"""The source of exchange differences, as that of postings is a row."""

EXCHANGE, TRANSLATION = "exchange", "translation"
DIFFERENCES: dict[str, str | Promise] = {
    EXCHANGE: _("exchange differences"),
    TRANSLATION: _("translation differences"),
}
"""The roles that only converted books have: they take what changes of rates do to balances."""

MONETARY = (
    Role.RECEIVABLE,
    Role.CASH,
    Role.CUSTOMER_BALANCE,
    Role.REFUNDS_PAYABLE,
    Role.UNBILLED,
    Role.TAX,
)
"""Balances that stand at the closing rate in the seller's currency."""

BALANCES = (*MONETARY, Role.DEFERRED, Role.PREPAID)
"""Balances that stand at the closing rate in any other currency."""

# A factor has 40 decimal places and is exact to the last one. An amount of a million units is off by less than 1e-34.
_FACTORS = Context(prec=60, rounding=ROUND_HALF_EVEN)
_PLACES = Decimal("1e-40")

_KEPT = ", ".join(f"e.{name}" for name in DETAILS if name != "currency")

# The day of issue is that of the invoice behind a line, a purchase or a write-off; a line of a credit note has the
# day of the line that it corrects, so that both leave nothing. Opening balances have the first day of the books.
_ISSUES = """
LEFT JOIN invoices_line l ON e.source = 'line' AND l.id = e.source_id
LEFT JOIN invoices_line o ON o.id = l.corrects_line_id
LEFT JOIN invoices_writeoff w ON e.source = 'write_off' AND w.id = e.source_id
LEFT JOIN wallets_purchase u ON e.source = 'purchase' AND u.id = e.source_id
LEFT JOIN invoices_invoice i ON i.id = coalesce(o.invoice_id, l.invoice_id, w.invoice_id, u.invoice_id)
"""
_ISSUE_DAY = "coalesce(i.issue_date, e.month)"
_DAY_OF_POSTING = f"""
CASE WHEN ARRAY[e.debit, e.credit]::text[] && ARRAY['deferred', 'prepaid', 'credit_notes'] THEN {_ISSUE_DAY}
    WHEN e.source = 'line' AND 'discounts' IN (e.debit, e.credit)
        AND e.booked_month >= date_trunc('month', i.issue_date) THEN i.issue_date
    WHEN 'revenue' IN (e.debit, e.credit) THEN (e.service_month + interval '1 month')::date - 1
    ELSE (e.month + interval '1 month')::date - 1 END
"""
_DAY_OF_MONTH = "(e.month + interval '1 month')::date - 1"

# One row for each day, so that a posting finds its rate by equality. NaN marks an amount without a rate: every sum
# that contains it is NaN as well, so that no figure silently leaves it out.
_CONVERTED = """
WITH rates AS MATERIALIZED (
    SELECT f.currency, d.day::date AS day, f.factor
    FROM unnest(%({stage}_currencies)s::text[], %({stage}_since)s::date[], %({stage}_until)s::date[],
        %({stage}_factors)s::numeric[]) AS f(currency, since, until, factor)
    CROSS JOIN generate_series(f.since, f.until, interval '1 day') AS d(day)
), posted AS MATERIALIZED (
    SELECT e.month, {kept}, e.currency AS original_currency, e.amount AS original,
        round(e.amount * CASE WHEN e.currency = %({stage}_currency)s THEN 1 ELSE coalesce(r.factor, 'NaN') END, 40)
            AS amount
    FROM ({entries}) e {joins}
    LEFT JOIN rates r ON r.currency = e.currency AND r.day = least({day}, %(today)s::date)
    WHERE e.currency <> ALL(%(apart)s)
)
"""
_POSTED = "SELECT e.month, {columns}, e.amount FROM posted e"

# A balance's difference of a month: the change of its worth at closing rates, less what was posted. Deferred revenue
# keeps the month in which it was booked, which is its row of the waterfall.
_DIFFERENCES = """
, sums AS (
    SELECT v.role, e.original_currency AS currency,
        CASE v.role WHEN 'deferred' THEN e.booked_month END AS booked_month, e.month,
        sum(v.original) AS original, sum(v.amount) AS amount
    FROM posted e
    CROSS JOIN LATERAL (VALUES (e.debit, e.original, e.amount), (e.credit, -e.original, -e.amount))
        AS v(role, original, amount)
    WHERE v.role = ANY(%({stage}_roles)s) AND e.original_currency <> %({stage}_currency)s GROUP BY 1, 2, 3, 4
), worths AS (
    SELECT k.role, k.booked_month, k.currency, m.month, coalesce(s.amount, 0) AS posted,
        sum(coalesce(s.original, 0)) OVER months AS balance, coalesce(r.factor, 'NaN') AS factor
    FROM (SELECT DISTINCT role, currency, booked_month FROM sums) k
    CROSS JOIN unnest(%(closed_months)s::date[]) AS m(month)
    LEFT JOIN sums s ON s.role = k.role AND s.currency = k.currency AND s.month = m.month
        AND s.booked_month IS NOT DISTINCT FROM k.booked_month
    LEFT JOIN rates r ON r.currency = k.currency
        AND r.day = least((m.month + interval '1 month')::date - 1, %(today)s::date)
    WINDOW months AS (PARTITION BY k.role, k.currency, k.booked_month ORDER BY m.month)
), differences AS (
    SELECT w.role, coalesce(w.booked_month, w.month) AS booked_month, w.month, round(w.worth
        - lag(w.worth, 1, 0::numeric) OVER (PARTITION BY w.role, w.currency, w.booked_month ORDER BY w.month)
        - w.posted, 40) AS amount
    FROM (SELECT *, CASE WHEN balance = 0 THEN 0 ELSE balance * factor END AS worth FROM worths) w
)
{posted}
UNION ALL
SELECT e.month, {difference}, e.amount FROM differences e WHERE e.amount <> 0
"""


class _Stage(NamedTuple):
    """
    A conversion into a currency. day: the day of an entry `e`'s rate. roles: the balances at closing rates.

    difference: the role that their differences go to.
    """

    name: str
    currency: str
    sources: Sequence[str]
    joins: str
    day: str
    roles: Sequence[Role]
    difference: str


@dataclass(frozen=True, slots=True)
class ReportCurrency:
    """
    The one currency of a report, with the rates into it.

    currency: of the report. functional: the seller's. sources: the currencies of the books that are converted.
    apart: currencies of the books that the report leaves out. today: in the seller's calendar; no rate is newer.
    """

    currency: str
    functional: str
    sources: tuple[str, ...]
    apart: tuple[str, ...]
    today: date
    rates: RateBook

    def convert(self, entries: str, *, with_differences: bool = True) -> str:
        """
        Return the SELECT of entries in one currency, with all of `DETAILS`. entries: their SELECT, with `DETAILS`.

        with_differences: also those of balances; they need all entries since the books began.
        """
        for stage in self._stages():
            names = {"stage": stage.name, "kept": _KEPT, "joins": stage.joins, "day": stage.day}
            posted = _POSTED.format(columns=_columns(stage, {}))
            statement = _CONVERTED.format(entries=entries, **names)
            entries = statement + (
                _DIFFERENCES.format(
                    stage=stage.name, posted=posted, difference=_columns(stage, _values_of_difference(stage))
                )
                if with_differences
                else posted
            )
        return entries

    def parameters(self, books: SellerBooks) -> dict[str, Any]:
        """Return the parameters of `convert`."""
        values: dict[str, Any] = {
            "today": self.today,
            "apart": list(self.apart),
            "closed_months": list(books.months[: books.running]),
        }
        for stage in self._stages():
            rates = [rate for source in stage.sources for rate in self._spans(source, stage.currency)]
            values |= {
                f"{stage.name}_currency": stage.currency,
                f"{stage.name}_roles": [role.value for role in stage.roles],
                f"{stage.name}_currencies": [rate[0] for rate in rates],
                f"{stage.name}_since": [rate[1] for rate in rates],
                f"{stage.name}_until": [rate[2] for rate in rates],
                f"{stage.name}_factors": [rate[3] for rate in rates],
            }
        return values

    def missing_rates(self, books: SellerBooks) -> tuple[str, ...]:
        """Return which rates are missing, for a report with empty cells."""
        problems = []
        for stage in self._stages():
            for source in stage.sources:
                factors = self.rates.factors(source, stage.currency)
                day = factors[0][0] - timedelta(days=1) if factors else self.today
                if day >= books.months[0] or not factors:
                    problems.append(self.rates.convert(source, stage.currency, day).problem)
        return tuple(dict.fromkeys(filter(None, problems)))

    def _stages(self) -> list[_Stage]:
        own = _Stage("own", self.functional, self.sources, _ISSUES, _DAY_OF_POSTING, MONETARY, EXCHANGE)
        if self.currency == self.functional:
            return [own]
        shown = _Stage("shown", self.currency, [self.functional], "", _DAY_OF_MONTH, BALANCES, TRANSLATION)
        return [own, shown]

    def _spans(self, source: str, target: str) -> list[tuple[str, date, date, Decimal]]:
        """Return (source, first day, last day, factor) for each change of a rate."""
        factors = self.rates.factors(source, target)
        ends = [*(day - timedelta(days=1) for day, _factor in factors[1:]), self.today]
        # Without any factor, the last end has no partner.
        return [(source, day, end, _decimal(factor)) for (day, factor), end in zip(factors, ends, strict=False)]


def read_report_currency(
    seller: Seller, currency: str, *, currencies: Collection[str], at: datetime, apart: Collection[str] = ()
) -> ReportCurrency:
    """
    Return the one currency of a report with the rates that it needs.

    currencies: those of the seller's books. apart: those to leave out, since they have reports of their own.

    :raises UnknownCurrency: if it or one apart is no currency.
    """
    for code in (currency, *apart):
        minor_unit(code)
    today = at.astimezone(ZoneInfo(seller.time_zone)).date()
    functional = str(seller.currency)
    sources = tuple(code for code in currencies if code not in (functional, *apart))
    rates = read_rate_book({*sources, functional, currency}, until=today)
    return ReportCurrency(currency, functional, sources, tuple(apart), today, rates)


def _decimal(factor: Fraction) -> Decimal:
    quotient = _FACTORS.divide(Decimal(factor.numerator), Decimal(factor.denominator))
    return quotient.quantize(_PLACES, context=_FACTORS)


def _columns(stage: _Stage, values: dict[str, str]) -> str:
    """Return the columns of entries in a stage's currency. values: column → SQL, where it is not that of `e`."""
    values = {"currency": f"%({stage.name}_currency)s::text"} | values
    return ", ".join(f"{values.get(name, f'e.{name}')} AS {name}" for name in DETAILS)


def _values_of_difference(stage: _Stage) -> dict[str, str]:
    return {
        "service_month": "e.month",
        "customer_id": "0::bigint",
        "source": f"'{RATE}'",
        "source_id": "0::bigint",
        "debit": "e.role",
        "credit": f"'{stage.difference}'",
        **dict.fromkeys(("plan_id", "feature_id", "fee_id", "pack_id"), "NULL::bigint"),
        **dict.fromkeys(("kind", "country", "tax_name", "method"), "''"),
        "tax_rate": "NULL::numeric",
    }
