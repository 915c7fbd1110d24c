"""
Rate past periods by other versions, with the code that bills them, and write nothing.

    read the billed periods once → count their usage as the version would → assemble invoices → compare line by line

docs/simulation.md says which amounts are compared.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime

from billing.simulation.candidate.candidate_rating import rate_candidate
from billing.simulation.candidate.candidate_terms import read_candidate
from billing.simulation.history.baseline import rate_in_force
from billing.simulation.history.billed_periods import PastPeriods, read_past
from billing.simulation.records import PeriodBill, SimulatedPeriod
from billing.simulation.usage_sources.source_selection import Source
from plans.models import PlanVersion


def simulate(
    *,
    period_ids: Sequence[int],
    versions: Sequence[PlanVersion | None],
    at: datetime,
    keeps_overrides: bool = True,
    usage_source: Source | None = None,
) -> list[SimulatedPeriod]:
    """
    Return the bills of these regular periods as invoiced, and as each version would bill them; drafts may be
    simulated.

    versions: None means the prices in force, which yield the invoiced amounts. at: usage of open periods counts up to
    this time. keeps_overrides: whether the customers' overrides apply. usage_source: source of all usage, for tests;
    when empty, the cheapest source that is exact.

    A fixed number of statements for all periods and each version, unless events must be read. Nothing is written and
    nothing is locked; the caller's transaction decides whether it sees concurrent commits.
    """
    past = read_past(period_ids, at=at)
    is_settled = all(_is_settled(past, period_id) for period_id in past.period_ids)
    bills_in_force = rate_in_force(past) if not is_settled or None in versions else {}
    currencies = {closing.span.currency for closing in past.closings.values()}
    candidate_bills = [
        bills_in_force
        if version is None
        else rate_candidate(
            past,
            read_candidate(version, currencies=currencies),
            keeps_overrides=keeps_overrides,
            usage_source=usage_source,
        )
        for version in versions
    ]
    return [
        _simulated_period(past, period_id, bills_in_force, [bills[period_id] for bills in candidate_bills])
        for period_id in past.period_ids
    ]


def _is_settled(past: PastPeriods, period_id: int) -> bool:
    row = past.rows[period_id]
    return not row.is_open and not row.is_late


def _simulated_period(
    past: PastPeriods, period_id: int, bills_in_force: Mapping[int, PeriodBill], after: Sequence[PeriodBill]
) -> SimulatedPeriod:
    closing, is_settled = past.closings[period_id], _is_settled(past, period_id)
    before = (
        PeriodBill(past.invoiced[period_id], past.drawdowns(period_id)) if is_settled else bills_in_force[period_id]
    )
    span = closing.span
    return SimulatedPeriod(
        period_id=period_id,
        subscription_id=closing.subscription_id,
        version_id=span.version_id,
        currency=span.currency,
        starts_at=span.starts_at,
        ends_at=span.ends_at,
        is_settled=is_settled,
        before=before,
        after=tuple(after),
    )
