"""
Rate past periods by other versions, through the code that bills them, and write nothing.

    what was billed (read once) → counted as the other version would → assembled as a close would → line by line

docs/simulation.md tells what is compared with what.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime

from billing.simulation.candidate.candidate_rating import tried
from billing.simulation.candidate.candidate_terms import read_candidate
from billing.simulation.history.baseline import in_force
from billing.simulation.history.billed_periods import Past, read_past
from billing.simulation.records import Bill, Simulated
from plans.models import PlanVersion


def simulate(
    *,
    period_ids: Sequence[int],
    versions: Sequence[PlanVersion | None],
    at: datetime,
    keeps_overrides: bool = True,
    only: str = "",
) -> list[Simulated]:
    """
    Return what these regular periods were billed, and would have been by each of these versions, drafts included.

    versions: None for the prices that were in force, which come to what was invoiced. at: the moment up to which
    periods that are open are looked at. keeps_overrides: whether what was agreed with customers stays agreed.
    only: where usage is taken from, for tests; from the least that tells it exactly where empty.

    A fixed number of statements for all periods and each version, unless events must be read. Nothing is written and
    nothing is locked; the caller's transaction decides whether it sees what is committed meanwhile.
    """
    past = read_past(period_ids, at=at)
    is_settled = all(_is_settled(past, id_) for id_ in past.wanted)
    now = in_force(past) if not is_settled or None in versions else {}
    currencies = {one.span.currency for one in past.closings.values()}
    after = [
        now
        if one is None
        else tried(past, read_candidate(one, currencies=currencies), keeps_overrides=keeps_overrides, only=only)
        for one in versions
    ]
    return [_simulated(past, id_, now, [one[id_] for one in after]) for id_ in past.wanted]


def _is_settled(past: Past, period_id: int) -> bool:
    row = past.rows[period_id]
    return not row.is_open and not row.is_late


def _simulated(past: Past, period_id: int, now: Mapping[int, Bill], after: Sequence[Bill]) -> Simulated:
    closing, is_settled = past.closings[period_id], _is_settled(past, period_id)
    before = Bill(past.invoiced[period_id], past.burnt(period_id)) if is_settled else now[period_id]
    span = closing.span
    return Simulated(
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
