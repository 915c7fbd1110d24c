"""
Check usage lines: rate them again from their snapshots. docs/audit.md#rerating.

A line's snapshot says how much of each counter was billed, so the same terms must yield the same explanation and
amount, to the last digit. For a late line, the amounts of earlier lines for the counter are subtracted.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from fractions import Fraction
from itertools import groupby
from typing import Any, NamedTuple

import msgspec
from django.db import connection
from psycopg import ServerCursor
from psycopg.rows import kwargs_row

from billing.closing.lines.usage_lines import cumulative_workings, special_case_notes, usage_workings, window_share
from billing.metering.rating_inputs.aggregate_quantities import whole_microseconds
from billing.metering.rating_inputs.effective_terms import terms_for
from billing.metering.rating_inputs.multi_period_windows import read_window_runs
from billing.metering.rating_inputs.period_counters import with_event_values
from billing.metering.rating_inputs.period_loader import RATING_COLUMNS, read_split_values
from billing.metering.rating_inputs.rating_period import (
    EMPTY_COUNTER,
    CounterState,
    CounterWindow,
    RatingPeriod,
    WindowRun,
)
from billing.metering.rating_inputs.window_amounts import WindowCharge, rate_window
from billing.metering.store.event_removals import EventsRemoved
from invoices.amounts.line_net import line_net_sql
from lib.decimals import exact_sum
from plans.aggregation.aggregate_state import to_microseconds
from plans.aggregation.level_spans import LevelSpan
from plans.catalog.stored_terms import FeatureTerms
from plans.pricing.rating import BOUND, FULL_PERIOD, RatedLine, empty_line

LEVEL_TOLERANCE = Fraction(1, 10**9)
"""Allowed difference between the sum of a line's levels and its quantity, of a thousand quotients of 12 places."""

# Findings kept in memory and stored; further ones are dropped.
MAX_ROWS = 100

Row = dict[str, Any]
RatedPair = tuple[RatedLine, RatedLine | None]
"""A line rated to the end of a period, and to its start where its usage window began earlier."""

_LINES = f"""
SELECT {RATING_COLUMNS}, b.plan_feature_id, b.window_start, b.high_water_mark AS mark, b.rate_id, b.events,
    b.quantity, b.fingerprint, b.carried, b.metered, b.earlier::text, l.id AS line_id, l.kind,
    l.quantity AS line_quantity, l.amount, l.explanation::text, b.corrects_line_id
FROM billing_billedusage b JOIN invoices_line l ON l.id = b.line_id
JOIN billing_period p ON p.id = b.period_id JOIN billing_subscription s ON s.id = p.subscription_id
JOIN customers_customer cu ON cu.id = s.customer_id
WHERE p.kind <> 'undone' OR b.corrects_line_id = 0 -- a rolled-back period is credited in full
ORDER BY b.period_id, b.plan_feature_id, b.window_start, b.high_water_mark
"""  # noqa: S608


class BilledLine(NamedTuple):
    """
    A usage line with its snapshot, and the period it bills.

    corrects_line_id: for a usage credit, the line that it credits; otherwise 0.
    """

    period_id: int
    plan_feature_id: int
    window_start: datetime
    mark: int
    rate_id: int
    events: int
    quantity: Decimal
    fingerprint: Decimal
    carried: Decimal
    metered: Decimal | None
    earlier: str | None
    line_id: int
    kind: str
    line_quantity: Decimal
    amount: Decimal
    explanation: str
    version_id: int
    currency: str
    starts_at: datetime
    ends_at: datetime
    anchor_at: datetime
    time_zone: str
    overrides: str
    continued: str
    is_trial: bool
    corrects_line_id: int

    @property
    def span(self) -> RatingPeriod:
        """The period that the line bills."""
        return RatingPeriod.from_row(self)

    @property
    def counted(self) -> CounterState:
        return CounterState(self.events, self.quantity, self.fingerprint, self.carried, self.metered)


@dataclass(slots=True)
class Rerating:
    """
    Rows that say how lines differ from their snapshots, a hundred at most.

    without_events: number of lines that can't be rated again, because their events have left.
    """

    wrong: list[Row] = field(default_factory=list)
    without_events: int = 0


class EarlierLines(NamedTuple):
    """
    Amount of a counter's earlier lines less usage credits, and the counter's state at the last of them.

    credited: usage credits at the current mark. is_progressive: whether the last line was billed before the period's
    end, so that the period's own line is for the rest.
    """

    amount: Decimal = Decimal(0)
    counted: CounterState = EMPTY_COUNTER
    credited: Decimal = Decimal(0)
    is_progressive: bool = False


_DISCOUNTED = f"""
SELECT coalesce(sum(abs(l.amount - {line_net_sql("l")}) + abs(coalesce((
    SELECT sum(c.amount) FROM invoices_line c WHERE c.corrects_line_id = l.id AND c.kind = 'credit'), 0))), 0)
FROM billing_billedusage b JOIN invoices_line l ON l.id = b.line_id
WHERE (b.period_id, b.plan_feature_id, b.window_start, b.rate_id) = (%s, %s, %s, %s) AND b.corrects_line_id = 0
"""  # noqa: S608


def rerate() -> Rerating:
    """Rate all usage lines again, and return the differences."""
    rerating = Rerating()
    for _, window_lines in groupby(_read_lines(), key=_window_of):
        earlier_by_rate: dict[int, EarlierLines] = {}
        for _, mark_lines in groupby(window_lines, key=lambda line: line.mark):
            lines = list(mark_lines)
            for line in lines:
                earlier = earlier_by_rate.setdefault(line.rate_id, EarlierLines())
                if line.corrects_line_id:
                    earlier_by_rate[line.rate_id] = earlier._replace(credited=earlier.credited + line.amount)
            try:
                wrong_rows = list(_wrong_lines(lines, earlier_by_rate))
                rerating.wrong += wrong_rows[: MAX_ROWS - len(rerating.wrong)]
            except EventsRemoved:
                rerating.without_events += len(lines)
            for line in lines:
                earlier = earlier_by_rate[line.rate_id]
                billed_amount = earlier.amount - earlier.credited + (0 if line.corrects_line_id else line.amount)
                earlier_by_rate[line.rate_id] = EarlierLines(
                    billed_amount, line.counted, is_progressive=line.kind == "progressive"
                )
    return rerating


def _window_of(line: BilledLine) -> tuple[int, CounterWindow]:
    return line.period_id, CounterWindow(line.plan_feature_id, line.window_start)


def _read_lines() -> Iterator[BilledLine]:
    with ServerCursor(connection.connection, "audit_lines", row_factory=kwargs_row(BilledLine)) as cursor:
        cursor.execute(_LINES)
        while lines := cursor.fetchmany(5_000):
            yield from lines


def _wrong_lines(lines: Sequence[BilledLine], earlier_by_rate: Mapping[int, EarlierLines]) -> Iterator[Row]:
    """
    Yield the differences of a counter's lines that were billed at the same mark.

    :raises EventsRemoved: if their price charges by each event, and events of the period have left.
    """
    try:
        feature, rated_lines = _rate_feature(lines, earlier_by_rate)
    except EventsRemoved:
        raise
    except Exception as error:
        yield {"line_id": lines[0].line_id, "wrong": f"cannot be rated again: {error}"}
        return
    for line in lines:
        rated = rated_lines.get(line.rate_id)
        if rated is None and line.kind != "usage":
            rated = empty_line(line.rate_id), None  # usage that was billed before is no longer due
        if rated is None:
            yield {"line_id": line.line_id, "wrong": f"its version has no rate {line.rate_id} for it"}
        else:
            is_alone = not any(other.rate_id == line.rate_id and not other.corrects_line_id for other in lines)
            due = WindowCharge(feature, CounterWindow(line.plan_feature_id, line.window_start), *rated, line.counted)
            yield from _differences(line, due, earlier_by_rate[line.rate_id], is_alone=is_alone)


def _rate_feature(
    lines: Sequence[BilledLine], earlier_by_rate: Mapping[int, EarlierLines]
) -> tuple[FeatureTerms, dict[int, RatedPair]]:
    """Rate all rates of a feature together, since they share an allowance; unbilled rates count as last billed."""
    first_line = lines[0]
    span = first_line.span
    if values := read_split_values([span]).get(span.period_id):
        span = msgspec.structs.replace(span, split_values=values)
    feature = terms_for(span).by_plan_feature[first_line.plan_feature_id]
    if feature.price is None:
        raise LookupError(f"plan feature {first_line.plan_feature_id} has no price in {first_line.currency}")
    counted = {
        rate_id: earlier_lines.counted
        for rate_id, earlier_lines in earlier_by_rate.items()
        if earlier_lines.counted is not EMPTY_COUNTER
    }
    counted |= {line.rate_id: line.counted for line in lines}
    counted.pop(BOUND, None)
    window = CounterWindow(first_line.plan_feature_id, first_line.window_start)
    if feature.price.reads_values:
        counted = with_event_values(counted, window, feature, period_id=first_line.period_id, up_to=first_line.mark)
    if len({line.earlier for line in lines}) > 1 or (first_line.earlier is not None and not feature.spans_periods):
        raise LookupError("its lines disagree about the usage of earlier periods")
    if feature.spans_periods:
        span = msgspec.structs.replace(span, runs={first_line.plan_feature_id: _run_when_billed(first_line)})
    part = (
        window_share(span, feature, window) if feature.price.is_bounded and not feature.spans_periods else FULL_PERIOD
    )
    rated = rate_window(span, feature, counted, part=part, up_to=first_line.mark)
    return feature, {int(line.rate_key): (line, earlier) for line, earlier in rated.lines()}


def _run_when_billed(line: BilledLine) -> WindowRun:
    """Return the window run of a line's period, as of the time when the line was billed."""
    run = read_window_runs([line.span])[line.period_id][line.plan_feature_id]
    earlier_usage = None if line.earlier is None else json.loads(line.earlier)
    if (earlier_usage is None) != (run.earlier is None):
        raise LookupError("the usage of earlier periods is missing or unexpected")
    return run._replace(
        earlier=earlier_usage and {int(rate_id): Decimal(used) for rate_id, used in earlier_usage.items()}
    )


def _differences(
    line: BilledLine, recomputed: WindowCharge, earlier: EarlierLines, *, is_alone: bool
) -> Iterator[Row]:
    """
    Yield how a stored line differs from the recomputed one.

    is_alone: for a credit, whether no line at the same mark bills usage of the counter. Then the amount billed until
    then, less all credits at the mark, must equal the amount of the usage.
    """
    currency, quantity, extra_fields = (
        line.currency,
        recomputed.quantity,
        special_case_notes(line.span, recomputed.feature, line.rate_id),
    )
    stored: dict[str, Any] = json.loads(line.explanation)
    levels, are_all_listed = stored.pop("levels", None), stored.pop("levels_until", None) is None
    if levels is not None and are_all_listed and recomputed.feature.metering.held_by != "day":
        yield from _wrong_levels(line, levels)
    # The other lines of its commitment determine the part within it, which the oracle checks.
    stored.pop("commitment", None)
    amount = recomputed.amount(currency) - earlier.amount + earlier.credited
    is_rest = line.kind in ("late_usage", "progressive") or earlier.is_progressive
    if (is_rest and not line.corrects_line_id) or (line.corrects_line_id and "cumulative" in stored):
        discounted = Decimal(stored.get("given_before", 0))
        amount += discounted
        if discounted and abs(discounted) > _discounted_amount(line):
            discounted = Decimal(0)
        extra_fields |= cumulative_workings(
            recomputed, currency, claimed=earlier.amount, quantity=earlier.counted.used, given=discounted
        )
        extra_fields |= {"events": str(line.events - earlier.counted.events)}
        quantity = line.counted.used - earlier.counted.used
    elif recomputed.before is not None:
        extra_fields |= cumulative_workings(recomputed, currency)
    explanation: dict[str, Any] = json.loads(
        usage_workings(recomputed.line, recomputed.feature.overridden, **extra_fields)
    )
    if line.corrects_line_id:
        quantity, amount = Decimal(1), line.amount + (amount if is_alone else 0)
        explanation = explanation if "cumulative" in stored else stored  # the oracle checks the other formula
    if amount != line.amount:
        yield {"line_id": line.line_id, "wrong": "amount", "stored": line.amount, "again": amount}
    if quantity != line.line_quantity:
        yield {"line_id": line.line_id, "wrong": "quantity", "stored": line.line_quantity, "again": quantity}
    if differing := sorted(
        name for name in stored.keys() | explanation.keys() if stored.get(name) != explanation.get(name)
    ):
        name = differing[0]
        yield {"line_id": line.line_id, "wrong": name, "stored": stored.get(name), "again": explanation.get(name)}


def _wrong_levels(line: BilledLine, levels: list[dict[str, str]]) -> Iterator[Row]:
    """Yield a line whose listed levels don't add up to the quantity that the meter computed."""
    spans = [
        LevelSpan(Decimal(span["level"]), datetime.fromisoformat(span["from"]), datetime.fromisoformat(span["to"]))
        for span in levels
    ]
    integral = exact_sum(level * to_microseconds(end - start) for level, start, end in spans)
    again = Fraction(integral) / whole_microseconds(line.span)
    # Each set of dimensions rounds its own quotient.
    # A line without usage has no metered quantity, and lists a level of zero.
    if abs(again - Fraction(line.metered or 0)) > LEVEL_TOLERANCE:
        yield {"line_id": line.line_id, "wrong": "levels", "stored": line.metered, "again": float(again)}


def _discounted_amount(line: BilledLine) -> Decimal:
    """Return what coupons and credits by hand took off a counter's lines; usage credits leave that amount out."""
    with connection.cursor() as cursor:
        cursor.execute(_DISCOUNTED, [line.period_id, line.plan_feature_id, line.window_start, line.rate_id])
        ((amount,),) = cursor.fetchall()
    return Decimal(amount)
