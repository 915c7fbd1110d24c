"""Rate past periods by another version."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from fractions import Fraction

import msgspec

from billing.closing.batch import in_words
from billing.closing.invoice_assembly import assemble
from billing.closing.lines.quantity_lines import claims_after
from billing.closing.records import Assembled, Claim, Closing
from billing.metering.rating_inputs.period_counters import Span
from billing.simulation import comparable_lines
from billing.simulation.candidate.candidate_terms import Candidate, NotComparable
from billing.simulation.candidate.carryover import climbed_in, with_runs_on
from billing.simulation.candidate.commitments import Tried, contracts_for
from billing.simulation.candidate.prepaid import granted_in, invoice_what_is_missing
from billing.simulation.history.billed_periods import Past
from billing.simulation.records import Bill
from billing.simulation.usage_sources.period_counts import Usage, count
from lib.money import round_money
from plans.catalog.stored_terms import supposing, terms_of


def tried(past: Past, candidate: Candidate, *, keeps_overrides: bool = True, only: str = "") -> dict[int, Bill]:
    """
    Return what each period that was asked for would have come to by a version.

    keeps_overrides: whether what was agreed with customers stays agreed. only: see `count`.
    """
    with supposing(candidate.supposed()):
        found: dict[int, Bill] = {}
        lives: list[list[Closing]] = []
        for of_subscription in past.by_subscription():
            try:
                lives.append(_on(candidate, past, of_subscription, keeps_overrides=keeps_overrides))
            except (NotComparable, ValueError) as error:
                bill = Bill(problems=(str(error),), is_known=False)
                found |= {one.span.period_id: bill for one in of_subscription}
        regular = {one.span.period_id: one.span for life in lives for one in life if one.kind == "regular"}
        usage = count(past, regular, only=only) if regular else {}
        for life in lives:
            found |= _live(past, life, usage, candidate)
            found |= _with_what_may_be_missing(past, life, found)
    return {id_: found[id_] for id_ in past.wanted}


def _on(candidate: Candidate, past: Past, closings: Sequence[Closing], *, keeps_overrides: bool) -> list[Closing]:
    """Return the periods of a subscription on a version: those asked for, and before them what decides about them."""
    found = [_moved(candidate, one, keeps_overrides=keeps_overrides) for one in closings]
    return [one for one, after in zip(found, [*found[1:], None], strict=True) if _is_needed(past, one, after)]


def _is_needed(past: Past, closing: Closing, after: Closing | None) -> bool:
    if closing.span.period_id in past.wanted:
        return True
    if after is None:
        return False
    span = after.span
    settles = after.is_split or bool(after.settles) or bool(terms_of(span.version_id, span.currency).held)
    return past.rows[span.period_id].continues or settles


def _moved(candidate: Candidate, closing: Closing, *, keeps_overrides: bool) -> Closing:
    following = closing.following
    return msgspec.structs.replace(
        closing,
        span=_span(candidate, closing.span, keeps_overrides=keeps_overrides),
        following=following and _span(candidate, following, keeps_overrides=keeps_overrides),
        contracts={},
        claimed={},
        runs_since=None,
    )


def _span(candidate: Candidate, span: Span, *, keeps_overrides: bool) -> Span:
    terms = candidate.terms_beside(terms_of(span.version_id, span.currency))
    overrides = span.overrides if keeps_overrides else ""
    return msgspec.structs.replace(span, version_id=terms.version_id, overrides=overrides, runs={})


def _live(past: Past, life: Sequence[Closing], usage: dict[int, Usage], candidate: Candidate) -> dict[int, Bill]:
    """Bill the periods of a subscription one after the other, each as it follows from those before it."""
    found: dict[int, Bill] = {}
    earlier: list[Closing] = []
    done: dict[int, Tried] = {}
    before: Assembled | None = None
    for one in life:
        period_id = one.span.period_id
        is_asked = period_id in past.wanted
        try:
            closing = _ready(past, one, usage.get(period_id), earlier, before)
            if is_asked:
                billed = past.billed.get(one.subscription_id, ())
                closing.contracts = contracts_for(closing, billed, done)
            granted = granted_in(closing, candidate.included) if closing.kind == "regular" else {}
            invoice_what_is_missing(closing, granted, past.asked.get(period_id, {}))
            seller = past.sellers[one.buyer.seller_id]
            before = assemble(closing, seller)
            problems = tuple(map(comparable_lines.in_words, usage[period_id].unpriced)) if is_asked else ()
            found[period_id] = comparable_lines.bill_of(closing, before, seller, granted=granted, problems=problems)
            earlier.append(closing)
        except Exception as error:
            before = None
            found[period_id] = Bill(problems=(in_words(error),), is_known=False)
        if is_asked:
            done[period_id] = Tried.of(one, before)
    return found


def _ready(
    past: Past, one: Closing, usage: Usage | None, earlier: Sequence[Closing], before: Assembled | None
) -> Closing:
    """Return a period with its usage, and with what it goes on from."""
    if usage is not None and usage.error is not None:
        raise usage.error
    continued = one.span.continued
    if continued and earlier and earlier[-1].span.period_id in past.wanted:
        continued = climbed_in(earlier[-1], before)
    span = msgspec.structs.replace(one.span, continued=continued)
    closing = msgspec.structs.replace(one, span=span, counters=usage.counters if usage else {})
    closing.span = with_runs_on(closing, earlier)
    if before is not None and earlier and earlier[-1].following is not None:
        closing.claimed = claims_after(earlier[-1], before.draft)
    elif terms_of(span.version_id, span.currency).lasting:
        closing.claimed = _claimed_before(past.closings[span.period_id], closing)
    if terms_of(span.version_id, span.currency).lasting:
        closing.runs_since = _runs_since(past, closing)
    return closing


def _claimed_before(real: Closing, closing: Closing) -> dict[int, Claim]:
    """Suppose that fees for several periods were claimed before, where the version in force has claimed them."""
    span, found = real.span, {}
    own = {(fee.code, fee.every): fee for fee in terms_of(span.version_id, span.currency).lasting if fee.amount}
    for fee in terms_of(closing.span.version_id, span.currency).lasting:
        known = own.get((fee.code, fee.every))
        if known is not None and (claim := real.claimed.get(known.fee_id)) is not None:
            figures = {name: getattr(claim, name) for name in ("amount", "net", "credited")}
            dearer = Fraction(fee.amount) / Fraction(known.amount)
            as_tried = {name: round_money(Fraction(one) * dearer, span.currency) for name, one in figures.items()}
            found[fee.fee_id] = msgspec.structs.replace(claim, **as_tried)
    return found


def _with_what_may_be_missing(past: Past, life: Sequence[Closing], found: dict[int, Bill]) -> dict[int, Bill]:
    """Say on the last bill which fees are for more periods than were looked at: they may be on none of them."""
    wanted = [one for one in life if one.span.period_id in past.wanted]
    if not wanted:
        return {}
    span, last = wanted[-1].span, found[wanted[-1].span.period_id]
    problems = tuple(
        f"The fee “{fee.label}” is due once in {fee.every} periods, of which {len(wanted)} were looked at."
        for fee in terms_of(span.version_id, span.currency).lasting
        if fee.every > len(wanted)
    )
    return {span.period_id: replace(last, problems=last.problems + problems)} if problems else {}


def _runs_since(past: Past, closing: Closing) -> datetime:
    """Return since when periods have followed one another: all of them are on the version that is tried."""
    since = closing.span.starts_at
    for row in reversed(past.billed.get(closing.subscription_id, ())):
        since = row.starts_at if row.ends_at == since else since
    return since
