"""
Rate all usage lines anew from their snapshots: docs/audit.md#rerating.

A line's snapshot says how much of each counter was billed, so the same terms must give the same workings and the same
amount again, to the last digit: for a late line, minus what earlier lines claimed of the same counter.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from itertools import groupby
from typing import Any, NamedTuple

import msgspec
from django.db import connection
from psycopg import ServerCursor

from billing.closing.lines.usage_lines import beside, explained, share_of, since_before
from billing.metering.rating_inputs.effective_terms import OVERRIDES, terms_for
from billing.metering.rating_inputs.multi_period_windows import Run, read_runs
from billing.metering.rating_inputs.period_counters import NOTHING, Counted, Span, Window, with_values
from billing.metering.rating_inputs.plan_change_carryover import CONTINUED
from billing.metering.rating_inputs.window_amounts import Due, rate_window
from billing.subscriptions.periods.boundaries import ANCHOR_AT
from invoices.documents.line_net import net_of
from plans.catalog.stored_terms import FeatureTerms
from plans.pricing.rating import BOUND, WHOLE, RatedLine, nothing

MOST_KEPT = 100

Row = dict[str, Any]
Pair = tuple[RatedLine, RatedLine | None]
"""A line as it is by the end of a period, and as it was before it where its window runs on."""

_LINES = f"""
SELECT b.period_id, b.plan_feature_id, b.window_start, b.high_water_mark, b.rate_id, b.events, b.quantity,
    b.fingerprint, b.carried, b.metered, b.earlier::text, l.id, l.kind, l.quantity, l.amount, l.explanation::text,
    p.version_id, s.currency, p.starts_at, p.ends_at, {ANCHOR_AT}, c.time_zone, {OVERRIDES}, {CONTINUED},
    p.is_trial, b.corrects_line_id
FROM billing_billedusage b JOIN invoices_line l ON l.id = b.line_id
JOIN billing_period p ON p.id = b.period_id JOIN billing_subscription s ON s.id = p.subscription_id
JOIN customers_customer c ON c.id = s.customer_id
WHERE p.kind <> 'undone' OR b.corrects_line_id = 0 -- what was rolled back is credited whatever its usage comes to
ORDER BY b.period_id, b.plan_feature_id, b.window_start, b.high_water_mark
"""  # noqa: S608


class Billed(NamedTuple):
    """
    A usage line with its snapshot, and the period it bills.

    corrects_line_id: of a usage credit, the line that it takes back some of; 0 for a claim.
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
    def span(self) -> Span:
        """The period that it bills."""
        return Span(
            self.period_id,
            self.version_id,
            self.currency,
            self.starts_at,
            self.ends_at,
            self.anchor_at,
            self.time_zone,
            self.overrides,
            self.continued,
            self.is_trial,
        )

    @property
    def counted(self) -> Counted:
        return Counted(self.events, self.quantity, self.fingerprint, self.carried, self.metered)


@dataclass(slots=True)
class Rerating:
    """Lines that do not follow from their snapshots, a hundred at most; `lines` is how many were rated."""

    wrong: list[Row] = field(default_factory=list)
    lines: int = 0


class Before(NamedTuple):
    """
    What earlier lines claimed of a counter, less usage credits, and its state when the last of them was made.

    taken: what usage credits take back at the mark that is looked at. is_early: whether that line was of a period
    that was not over, so that the period's own line is for the rest.
    """

    amount: Decimal = Decimal(0)
    counted: Counted = NOTHING
    taken: Decimal = Decimal(0)
    is_early: bool = False


_GIVEN = f"""
SELECT coalesce(sum(abs(l.amount - {net_of("l")}) + abs(coalesce((
    SELECT sum(c.amount) FROM invoices_line c WHERE c.corrects_line_id = l.id AND c.kind = 'credit'), 0))), 0)
FROM billing_billedusage b JOIN invoices_line l ON l.id = b.line_id
WHERE (b.period_id, b.plan_feature_id, b.window_start, b.rate_id) = (%s, %s, %s, %s) AND b.corrects_line_id = 0
"""  # noqa: S608


def rerate() -> Rerating:
    """Return the lines that come out differently."""
    found = Rerating()
    for _, of_window in groupby(_billed(), key=lambda one: one[:3]):
        before: dict[int, Before] = {}
        for _, at_mark in groupby(of_window, key=lambda one: one.mark):
            lines = list(at_mark)
            found.lines += len(lines)
            for line in lines:
                earlier = before.setdefault(line.rate_id, Before())
                if line.corrects_line_id:
                    before[line.rate_id] = earlier._replace(taken=earlier.taken + line.amount)
            wrong = list(_wrong(lines, before))
            found.wrong += wrong[: MOST_KEPT - len(found.wrong)]
            for line in lines:
                earlier = before[line.rate_id]
                claimed = earlier.amount - earlier.taken + (0 if line.corrects_line_id else line.amount)
                before[line.rate_id] = Before(claimed, line.counted, is_early=line.kind == "progressive")
    return found


def _billed() -> Iterator[Billed]:
    with ServerCursor(connection.connection, "audit_lines") as cursor:
        cursor.execute(_LINES)
        while rows := cursor.fetchmany(5_000):
            yield from map(Billed._make, rows)


def _wrong(lines: Sequence[Billed], before: Mapping[int, Before]) -> Iterator[Row]:
    """Yield what is wrong with the lines of one counter's rates that were billed at the same mark."""
    try:
        feature, workings = _rate(lines, before)
    except Exception as error:
        yield {"line_id": lines[0].line_id, "wrong": f"cannot be rated again: {error}"}
        return
    for line in lines:
        rated = workings.get(line.rate_id)
        if rated is None and line.kind != "usage":
            rated = nothing(line.rate_id), None  # what was due is due no more
        if rated is None:
            yield {"line_id": line.line_id, "wrong": f"its version has no rate {line.rate_id} for it"}
        else:
            is_alone = not any(one.rate_id == line.rate_id and not one.corrects_line_id for one in lines)
            due = Due(feature, Window(line.plan_feature_id, line.window_start), *rated, line.counted)
            yield from _differences(line, due, before[line.rate_id], is_alone=is_alone)


def _rate(lines: Sequence[Billed], before: Mapping[int, Before]) -> tuple[FeatureTerms, dict[int, Pair]]:
    """Rate a feature's rates together, since they share what is included; those not billed now, as last billed."""
    first = lines[0]
    feature = terms_for(first).by_plan_feature[first.plan_feature_id]
    if feature.price is None:
        raise LookupError(f"plan feature {first.plan_feature_id} has no price in {first.currency}")
    counted = {rate_id: one.counted for rate_id, one in before.items() if one.counted is not NOTHING}
    counted |= {line.rate_id: line.counted for line in lines}
    counted.pop(BOUND, None)
    window, span = Window(first.plan_feature_id, first.window_start), first.span
    if feature.price.reads_values:
        counted = with_values(counted, window, feature, period_id=first.period_id, up_to=first.mark)
    if len({line.earlier for line in lines}) > 1 or (first.earlier is not None and not feature.runs_on):
        raise LookupError("its lines do not agree on what earlier periods had used")
    if feature.runs_on:
        span = msgspec.structs.replace(span, runs={first.plan_feature_id: _run(first)})
    part = share_of(span, feature, window) if feature.price.is_bounded and not feature.runs_on else WHOLE
    rated = rate_window(span, feature, counted, part=part, up_to=first.mark)
    return feature, {int(line.rate_key): (line, earlier) for line, earlier in rated.lines()}


def _run(line: Billed) -> Run:
    """Return the run that a line's period stands in, as it was when the line was made."""
    run = read_runs([line.span])[line.period_id][line.plan_feature_id]
    known = None if line.earlier is None else json.loads(line.earlier)
    if (known is None) != (run.earlier is None):
        raise LookupError("what earlier periods had used is missing, or there was none")
    return run._replace(earlier=known and {int(rate_id): Decimal(used) for rate_id, used in known.items()})


def _differences(line: Billed, again: Due, earlier: Before, *, is_alone: bool) -> Iterator[Row]:
    """
    Yield how a line differs from what it should say.

    is_alone: of a credit, that no line at the same mark claims some of the counter beside it: then what was claimed
    until then, less all credits at the mark, is what usage comes to.
    """
    currency, quantity, more = line.currency, again.quantity, beside(line.span, again.feature, line.rate_id)
    stored: dict[str, Any] = json.loads(line.explanation)
    amount = again.amount(currency) - earlier.amount + earlier.taken
    is_rest = line.kind in ("late_usage", "progressive") or earlier.is_early
    if (is_rest and not line.corrects_line_id) or (line.corrects_line_id and "cumulative" in stored):
        given = Decimal(stored.get("given_before", 0))
        amount += given
        if given and abs(given) > _given(line):
            given = Decimal(0)
        more |= since_before(again, currency, claimed=earlier.amount, quantity=earlier.counted.used, given=given)
        more |= {"events": str(line.events - earlier.counted.events)}
        quantity = line.counted.used - earlier.counted.used
    elif again.before is not None:
        more |= since_before(again, currency)
    workings: dict[str, Any] = json.loads(explained(again.line, again.feature.agreed, **more))
    if line.corrects_line_id:
        quantity, amount = Decimal(1), line.amount + (amount if is_alone else 0)
        workings = workings if "cumulative" in stored else stored  # its formula is checked with those given by hand
    if amount != line.amount:
        yield {"line_id": line.line_id, "wrong": "amount", "stored": line.amount, "again": amount}
    if quantity != line.line_quantity:
        yield {"line_id": line.line_id, "wrong": "quantity", "stored": line.line_quantity, "again": quantity}
    if differing := sorted(
        name for name in stored.keys() | workings.keys() if stored.get(name) != workings.get(name)
    ):
        name = differing[0]
        yield {"line_id": line.line_id, "wrong": name, "stored": stored.get(name), "again": workings.get(name)}


def _given(line: Billed) -> Decimal:
    """Return what coupons and people took off the lines of a counter: of that, usage gives nothing back again."""
    with connection.cursor() as cursor:
        cursor.execute(_GIVEN, [line.period_id, line.plan_feature_id, line.window_start, line.rate_id])
        ((amount,),) = cursor.fetchall()
    return Decimal(amount)
