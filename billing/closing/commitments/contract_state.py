"""
Commitment cycles: the committed amount, and the spend and true-ups billed so far.

A cycle is a series of a subscription's regular periods; a commitment per period has cycles of one period.
docs/closing.md#commitments.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from datetime import datetime
from decimal import Decimal
from fractions import Fraction
from itertools import groupby
from types import MappingProxyType
from typing import Any, NamedTuple

import msgspec
from psycopg.rows import namedtuple_row

from billing.closing.lines.usage_lines import period_share, shares_of_windows
from billing.closing.records import BilledAmounts, CommitmentCycle, CommitmentWindow, DuePeriod, LatePeriod
from billing.metering.rating_inputs.effective_terms import terms_for
from billing.metering.rating_inputs.rating_period import RatingPeriod
from lib import prepared_statements
from lib.decimals import EXACT, ZERO, exact_sum
from lib.money import round_money
from plans.catalog.stored_terms import load_terms
from plans.pricing.commitments import SpendCommitment

UsageAmounts = Mapping[tuple[str, datetime], Decimal]
"""(code of the feature, start of the usage window) → amount."""

_decode_amounts = msgspec.json.Decoder(list[tuple[str, datetime, Decimal]]).decode


class BilledPeriod(NamedTuple):
    """
    A regular period of a subscription, with the amounts that lines have billed for it.

    usage: amounts billed by usage lines. burned: paid units that wallets gave for prepaid usage, at their price.
    """

    subscription_id: int
    period_id: int
    version_id: int
    starts_at: datetime
    ends_at: datetime
    is_closed: bool
    usage: UsageAmounts
    true_up: Decimal
    surcharge: Decimal
    burned: UsageAmounts = MappingProxyType({})


# One round trip for any number of subscriptions; `groupby` and the cycles rely on the order by subscription and
# start. Of drawdowns, only what paid lots gave counts, in the subscription's currency: promotional units were not
# bought, and a wallet in another currency has no amount to compare.
_BILLED_PERIODS = """
SELECT p.subscription_id, p.id AS period_id, p.version_id, p.starts_at, p.ends_at, p.state = 'closed' AS is_closed,
    su.currency, coalesce(u.amounts, '[]') AS usage, coalesce(d.amounts, '[]') AS burned,
    coalesce(s.true_up, 0) AS true_up, coalesce(s.surcharge, 0) AS surcharge
FROM billing_period p JOIN billing_subscription su ON su.id = p.subscription_id
LEFT JOIN LATERAL (SELECT json_agg(json_build_array(f.code, b.window_start, b.amount::text))::text AS amounts
    FROM (SELECT b.plan_feature_id, b.window_start,
            sum(CASE l.kind WHEN 'usage_credit' THEN -l.amount ELSE l.amount END) AS amount
        FROM billing_billedusage b JOIN invoices_line l ON l.id = b.line_id WHERE b.period_id = p.id GROUP BY 1, 2
    ) b JOIN plans_planfeature g ON g.id = b.plan_feature_id JOIN plans_feature f ON f.id = g.feature_id
) u ON true
LEFT JOIN LATERAL (SELECT json_agg(json_build_array(f.code, b.window_start, b.amount::text))::text AS amounts
    FROM (SELECT d.plan_feature_id, d.window_start, -sum(e.money) AS amount
        FROM billing_drawdown d JOIN wallets_transaction t ON t.draw = d.id
        JOIN wallets_entry e ON e.transaction_id = t.id JOIN wallets_lot o ON o.id = e.lot_id AND o.is_paid
        JOIN wallets_wallet w ON w.id = e.wallet_id AND w.currency = su.currency
        WHERE d.period_id = p.id GROUP BY 1, 2
    ) b JOIN plans_planfeature g ON g.id = b.plan_feature_id JOIN plans_feature f ON f.id = g.feature_id
) d ON true
LEFT JOIN LATERAL (SELECT sum(l.amount) FILTER (WHERE l.kind = 'true_up') AS true_up,
        sum(l.amount) FILTER (WHERE l.kind = 'surcharge') AS surcharge
    FROM billing_settlement s JOIN invoices_line l ON l.id = s.line_id WHERE s.period_id = p.id) s ON true
WHERE p.subscription_id = ANY(%s) AND p.kind = 'regular' AND NOT p.is_trial
ORDER BY p.subscription_id, p.starts_at
"""


def commitment_of(span: RatingPeriod) -> SpendCommitment | None:
    """Return the spend commitment that applies to a period."""
    return terms_for(span).commitment


class CommitmentCycles(NamedTuple):
    """
    The commitment cycles that some invoices settle: invoice's period → period → cycle.

    waiting_ids: periods that must wait because their cycle has an earlier period that is not closed yet: the amount
        due for this one depends on the spend of that one.
    """

    by_period: dict[int, dict[int, CommitmentCycle]]
    waiting_ids: list[int]


def read_commitment_cycles(
    due_periods: Iterable[DuePeriod],
    *,
    late: Mapping[int, Sequence[LatePeriod]] = MappingProxyType({}),
    billed_amounts: Mapping[int, BilledAmounts] = MappingProxyType({}),
) -> CommitmentCycles:
    """
    Return the commitment cycles of these periods and of the late periods that their invoices bill, in at most one
    statement.

    late: period → the late periods on its invoice. billed_amounts: period → the amounts that threshold billing has
    billed within it, which count toward its commitment.
    """
    cycles: dict[int, dict[int, CommitmentCycle]] = {}
    with_billed_periods = []
    for due in due_periods:
        period_id, terms = due.span.period_id, terms_for(due.span)
        commitment = terms.commitment if due.kind == "regular" else None
        if commitment is not None and commitment.periods == 1:
            cycle = _empty_cycle(commitment, [due.span], is_over=True)
            spends = _counted_spends(cycle, _amounts_by_window(due.span, billed_amounts.get(period_id, {})))
            cycles[period_id] = {period_id: cycle.with_spend(spends)}
        # Late usage changes what earlier cycles have to settle, so those need a cycle as well. Wallets may have paid
        # for usage, which only the statement reads.
        if (
            commitment is not None and (commitment.periods > 1 or any(feature.wallet for feature in terms.features))
        ) or any(commitment_of(late_period.span) for late_period in late.get(period_id, ())):
            with_billed_periods.append(due)
    if not with_billed_periods:
        return CommitmentCycles(cycles, [])
    billed = read_billed_periods([due.subscription_id for due in with_billed_periods])
    waiting_ids = []
    for due in with_billed_periods:
        period_id = due.span.period_id
        late_ids = {late_period.span.period_id for late_period in late.get(period_id, ())}
        own_cycles, must_wait = _cycles_on_invoice(due, billed[due.subscription_id], late_ids | {period_id})
        cycles[period_id] = cycles.get(period_id, {}) | own_cycles
        if must_wait:
            waiting_ids.append(period_id)
    return CommitmentCycles(cycles, waiting_ids)


def read_billed_periods(subscription_ids: Sequence[int]) -> dict[int, list[BilledPeriod]]:
    """Return subscription → its regular periods in order, without trials, with the amounts billed for each."""
    with prepared_statements.cursor() as cursor:
        cursor.row_factory = namedtuple_row
        cursor.execute(_BILLED_PERIODS, [list(subscription_ids)], binary=True)
        rows = [_billed_period(row) for row in cursor]
    return {id_: list(periods) for id_, periods in groupby(rows, key=lambda row: row.subscription_id)}


def _billed_period(row: Any) -> BilledPeriod:
    """Return a row of `_BILLED_PERIODS`; a wallet's money is rounded like an invoice line."""
    columns = row._asdict()
    currency, usage, burned = columns.pop("currency"), columns.pop("usage"), columns.pop("burned")
    return BilledPeriod(
        **columns,
        usage={(code, start): amount for code, start, amount in _decode_amounts(usage)},
        burned={(code, start): round_money(amount, currency) for code, start, amount in _decode_amounts(burned)},
    )


def _amounts_by_window(span: RatingPeriod, billed: BilledAmounts) -> UsageAmounts:
    features = load_terms(span.version_id, span.currency).by_plan_feature
    amounts: dict[tuple[str, datetime], Decimal] = {}
    for (window, _), billed_amount in billed.items():
        key = features[window.plan_feature_id].code, window.starts_at
        amounts[key] = EXACT.add(amounts.get(key, ZERO), billed_amount.amount)
    return amounts


def _counted_spends(cycle: CommitmentCycle, amounts: UsageAmounts) -> Iterator[tuple[datetime, Decimal]]:
    """Yield the amounts that count toward a cycle, each with the start of its window."""
    for (code, usage_window), amount in amounts.items():
        if cycle.commitment.covers(code):
            yield usage_window if cycle.commitment.per_window else cycle.starts_at, amount


def _empty_cycle(
    commitment: SpendCommitment, spans: Sequence[RatingPeriod], *, is_over: bool, share: Fraction | None = None
) -> CommitmentCycle:
    """
    Return a cycle without spend. spans: its periods in order. share: of the whole commitment; by default that of its
    only period.
    """
    first = spans[0]
    if commitment.per_window:
        windows = {start: CommitmentWindow(part) for start, part in shares_of_windows(first, commitment.feature)}
    else:
        windows = {first.starts_at: CommitmentWindow(period_share(first) if share is None else share)}
    return CommitmentCycle(commitment, first.currency, first.starts_at, windows, is_over=is_over)


def _cycles_on_invoice(
    due: DuePeriod, billed: Sequence[BilledPeriod], billed_ids: AbstractSet[int]
) -> tuple[dict[int, CommitmentCycle], bool]:
    """Return the cycles of the periods that an invoice bills, and whether it must wait."""
    own_id, must_wait = due.span.period_id, False
    cycles: dict[int, CommitmentCycle] = {}
    for cycle_periods in commitment_cycles(billed, due.span):
        ids = [period.period_id for period in cycle_periods]
        if billed_ids.isdisjoint(ids):
            continue
        # A cycle followed by another one has ended, even if it is short of periods: its version or its contract
        # changed.
        ends = cycle_periods[-1] is not billed[-1] or not due.subscription_continues
        if due.kind == "regular" and own_id in ids:
            position = ids.index(own_id)
            must_wait = not all(period.is_closed for period in cycle_periods[:position])
            cycle_periods[position] = cycle_periods[position]._replace(is_closed=True)  # by this close
        cycle = build_cycle(cycle_periods, due.span, is_complete=ends)
        cycles |= {id_: cycle for id_ in ids if id_ in billed_ids}
    return cycles, must_wait


def commitment_cycles(billed: Iterable[BilledPeriod], template: RatingPeriod) -> Iterator[list[BilledPeriod]]:
    """
    Yield the periods of each commitment cycle: consecutive periods of one commitment, as many as it covers.

    template: a rating period of the same subscription.
    """

    def commitment_key(period: BilledPeriod) -> tuple[int, str, bool]:
        terms = terms_for(_rating_period(period, template))
        # A contract of the subscription's own runs across versions that can settle it; a commitment of a version ends
        # with it.
        version_id = 0 if terms.committed_since else period.version_id
        return version_id, terms.committed_since, terms.commitment is not None

    for _, periods in groupby(billed, key=commitment_key):
        periods_in_order = list(periods)
        if commitment := commitment_of(_rating_period(periods_in_order[0], template)):
            for start in range(0, len(periods_in_order), commitment.periods):
                yield periods_in_order[start : start + commitment.periods]


def build_cycle(
    billed_periods: Sequence[BilledPeriod], template: RatingPeriod, *, is_complete: bool
) -> CommitmentCycle:
    """
    Return the commitment cycle of these periods, as far as they are closed.

    template: a rating period of the same subscription.
    is_complete: whether the cycle gets no further periods.

    While it runs, periods to come count as whole ones; once it is over, only the periods that existed count.
    """
    spans = [_rating_period(period, template) for period in billed_periods]
    commitment = commitment_of(spans[0])
    assert commitment is not None  # noqa: S101  `commitment_cycles` yields no other
    is_over = billed_periods[-1].is_closed and (is_complete or len(billed_periods) == commitment.periods)
    closed = [span for span, period in zip(spans, billed_periods, strict=True) if period.is_closed]
    whole = sum((period_share(span) for span in closed), Fraction(0))
    if not is_over:
        whole += commitment.periods - len(closed)
    cycle = _empty_cycle(commitment, spans, is_over=is_over, share=whole / commitment.periods)
    for span, period in zip(spans, billed_periods, strict=True):
        # Wallets pay at once; their payments count with the invoice of the period.
        prepaid_codes = {feature.code for feature in terms_for(span).features if feature.wallet and period.is_closed}
        burned = {key: amount for key, amount in period.burned.items() if key[0] in prepaid_codes}
        for amounts in (period.usage, burned):
            cycle = cycle.with_spend(_counted_spends(cycle, amounts))
    return msgspec.structs.replace(
        cycle,
        true_up=exact_sum(period.true_up for period in billed_periods),
        surcharge=exact_sum(period.surcharge for period in billed_periods),
    )


def _rating_period(billed_period: BilledPeriod, template: RatingPeriod) -> RatingPeriod:
    return msgspec.structs.replace(
        template,
        period_id=billed_period.period_id,
        version_id=billed_period.version_id,
        starts_at=billed_period.starts_at,
        ends_at=billed_period.ends_at,
        continued="",
    )
