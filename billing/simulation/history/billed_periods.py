"""What a chunk of periods was billed by: read once for all versions that are tried, in a few statements."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from itertools import groupby
from typing import Any, NamedTuple

import msgspec

from billing.closing.commitments.contract_state import Billed, read_billed
from billing.closing.lines.coupon_discounts import read_coupons
from billing.closing.lines.multi_period_fees import fill_in_lasting
from billing.closing.lines.quantity_lines import read_claims
from billing.closing.lines.section_lines import own
from billing.closing.period_reader import read_closings, read_counters
from billing.closing.records import Closing
from billing.metering.ingest import catalog_cache
from billing.metering.rating_inputs.period_counters import Counters, Span
from billing.models import SubscriptionQuantity
from billing.simulation.candidate.prepaid import Asked
from billing.simulation.history.invoiced_amounts import read_asked, read_invoiced
from billing.simulation.records import Line
from billing.subscriptions.periods.generation import AHEAD, next_periods
from billing.subscriptions.terms.quantities import changes_in
from invoices.documents.seller_terms import SellerTerms, read_sellers
from lib import prepared_statements
from lib.decimals import ZERO


class Row(NamedTuple):
    """A period as it stands. before_id: of the period that its subscription had before it, None of the first."""

    period_id: int
    is_open: bool
    closed_at: datetime | None
    is_late: bool
    continues: bool
    before_id: int | None


@dataclass(frozen=True, slots=True)
class Past:
    """
    Periods with all that their documents depend on; `closings` holds those before them as well, as far as what they
    claim in advance, or how far they climb, decides what the next one comes to.

    wanted: the periods asked for. invoiced, asked: what was billed of each, and asked of wallets: unit → what.
    billed: subscription → all its periods, for contracts.
    """

    at: datetime
    wanted: tuple[int, ...]
    rows: Mapping[int, Row]
    closings: Mapping[int, Closing]
    counters: Mapping[int, Counters]
    sellers: Mapping[int, SellerTerms]
    invoiced: Mapping[int, tuple[Line, ...]]
    asked: Mapping[int, Mapping[str, Asked]]
    billed: Mapping[int, Sequence[Billed]]

    def burnt(self, period_id: int) -> dict[str, Decimal]:
        """Return unit → what the prepaid use of a period has cost in wallets."""
        return {unit: one.cost for unit, one in self.asked.get(period_id, {}).items()}

    def by_subscription(self) -> list[list[Closing]]:
        """Return the periods of each subscription in the order of time, with those before them."""
        found = sorted(self.closings.values(), key=lambda one: (one.subscription_id, one.span.ends_at))
        return [list(of) for _, of in groupby(found, key=lambda one: one.subscription_id)]


_ROWS = """
SELECT p.id, p.state = 'open', p.closed_at, p.late_since IS NOT NULL, p.continues_id IS NOT NULL, (
    SELECT b.id FROM billing_period b WHERE b.subscription_id = p.subscription_id AND b.ends_at = p.starts_at
        AND b.id <> p.id LIMIT 1)
FROM billing_period p WHERE p.id = ANY(%s)
"""

# What a document claimed in advance, it claimed of the next period as that was then; and of a fee for several periods
# to the end that the subscription was to have then.
_CLAIMED = f"""
SELECT p.id, max(f.version_id), min(l.service_start), coalesce(max(l.service_end) FILTER (WHERE f.every = 1), (
        SELECT n.ends_at FROM billing_period n
        WHERE n.subscription_id = p.subscription_id AND n.kind = 'regular' AND n.starts_at = p.ends_at
    ), max(l.service_end)), max(l.service_end) FILTER (WHERE f.every > 1)
FROM billing_period p
JOIN invoices_line l ON l.invoice_id = p.invoice_id AND l.kind = 'fee' AND l.service_start >= p.ends_at
    AND {own("p", "l")}
JOIN plans_fee f ON f.id = l.fee_id WHERE p.id = ANY(%s) GROUP BY p.id
"""  # noqa: S608

_CREDITED = """
SELECT asked.line, asked.until, sum(c.amount) FROM unnest(%s::bigint[], %s::timestamptz[]) AS asked(line, until)
JOIN invoices_line c ON c.corrects_line_id = asked.line
JOIN invoices_invoice i ON i.id = c.invoice_id AND i.issued_at < asked.until GROUP BY 1, 2
"""
NEVER = datetime.max.replace(tzinfo=UTC)


def read_past(period_ids: Sequence[int], *, at: datetime) -> Past:
    """Return regular periods as they were, or are, billed; what is open is looked at as of `at`."""
    rows = _read_rows(period_ids)
    catalog_cache.refresh()  # meters may be younger than this process's copy of them
    closings = read_closings(list(rows))
    _give_followers(closings, rows)
    _give_holdings(closings, rows)
    regular = {id_: one for id_, one in closings.items() if one.kind == "regular"}
    read_coupons(closings)
    _give_claims(closings, rows, list(regular))
    spans = {id_: closings[id_].span for id_ in period_ids}
    return Past(
        at=at,
        wanted=tuple(period_ids),
        rows=rows,
        closings=closings,
        counters=read_counters(list(regular)),
        sellers=read_sellers({one.buyer.seller_id for one in closings.values()}),
        invoiced=read_invoiced(spans),
        asked=read_asked(spans),
        billed=read_billed(sorted({one.subscription_id for one in closings.values()})),
    )


def _read_rows(period_ids: Sequence[int]) -> dict[int, Row]:
    """Return these periods and the one before each; before a part that a plan change has begun, all of its parts."""
    found: dict[int, Row] = {}
    wanted = list(period_ids)
    is_asked = True
    while wanted:
        new = [Row(*row) for row in _query(_ROWS, wanted)]
        found |= {row.period_id: row for row in new}
        before = {row.before_id for row in new if row.before_id is not None and (is_asked or row.continues)}
        wanted, is_asked = sorted(before - found.keys()), False
    return found


def _give_followers(closings: Mapping[int, Closing], rows: Mapping[int, Row]) -> None:
    """Let each period be followed by what followed it when it was billed."""
    for id_, version_id, starts_at, ends_at, lasting_until in _query(_CLAIMED, list(closings)):
        one = closings[id_]
        one.ends_at = lasting_until or one.ends_at
        follower = one.following or msgspec.structs.replace(one.span, period_id=0, overrides="", continued="")
        one.following = msgspec.structs.replace(
            follower, version_id=version_id, starts_at=starts_at, ends_at=ends_at, runs={}
        )
    last = [one for id_, one in closings.items() if one.following is None and rows[id_].is_open and one.goes_on]
    if not last:
        return
    until = max(one.span.ends_at for one in last) + AHEAD
    to_come = next_periods(subscription_ids=[one.subscription_id for one in last], until=until)
    for one in last:
        if one.subscription_id in to_come:
            version_id, (starts_at, ends_at), anchor_at = to_come[one.subscription_id]
            own = one.span
            one.following = Span(0, version_id, own.currency, starts_at, ends_at, anchor_at, own.time_zone)


def _give_holdings(closings: Mapping[int, Closing], rows: Mapping[int, Row]) -> None:
    """Let each document know of what is held as much as was known when it was made."""
    held: dict[int, list[SubscriptionQuantity]] = {}
    subscriptions = {one.subscription_id for one in closings.values()}
    for row in SubscriptionQuantity.objects.in_order().filter(subscription__in=subscriptions):
        held.setdefault(row.subscription_id, []).append(row)
    for id_, one in closings.items():
        closed_at = rows[id_].closed_at
        own = held.get(one.subscription_id, ())
        one.changes = changes_in(row for row in own if closed_at is None or row.recorded_at <= closed_at)


def _give_claims(closings: Mapping[int, Closing], rows: Mapping[int, Row], period_ids: Sequence[int]) -> None:
    """Let each document know of what was claimed in advance, and of what was given back of that before it."""
    claimed, known = read_claims(period_ids), [closings[id_] for id_ in period_ids]
    for one in known:
        one.claimed = claimed.get(one.span.period_id, {})
    fill_in_lasting(known)
    until = {id_: rows[id_].closed_at or NEVER for id_ in period_ids}
    given = {
        (claim.line_id, until[one.span.period_id])
        for one in known
        for claim in one.claimed.values()
        if claim.credited
    }
    credited: dict[tuple[int, datetime], Decimal] = {}
    if given:
        with prepared_statements.cursor() as cursor:
            cursor.execute(_CREDITED, [list(column) for column in zip(*given, strict=True)])
            credited = {(line_id, moment): amount for line_id, moment, amount in cursor.fetchall()}
    for one in known:
        one.claimed = {
            fee_id: msgspec.structs.replace(
                claim, credited=credited.get((claim.line_id, until[one.span.period_id]), ZERO)
            )
            for fee_id, claim in one.claimed.items()
        }


def _query(statement: str, period_ids: Sequence[int]) -> list[tuple[Any, ...]]:
    with prepared_statements.cursor() as cursor:
        cursor.execute(statement, [list(period_ids)])
        return cursor.fetchall()
