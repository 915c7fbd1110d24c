"""
Commitments of a version that is tried: its contracts begin with the first period that is looked at.

Earlier periods keep what was promised and billed in them. Later ones have not been billed when a period is, so they
are as good as empty: what is made of a contract is what its close would have made of it.
"""

from collections.abc import Mapping, Sequence
from typing import NamedTuple, Self

from billing.closing.commitments.contract_state import Billed, commitment_of, contract_of, contracts
from billing.closing.records import Assembled, Closing, Contract
from lib.decimals import ZERO


class Tried(NamedTuple):
    """A period that was simulated: by which version, and what its document claims toward a commitment."""

    version_id: int
    claims: dict[str, object]

    @classmethod
    def of(cls, closing: Closing, assembled: Assembled | None) -> Self:
        claims = {"usage": ZERO, "true_up": ZERO, "surcharge": ZERO}
        if assembled is not None:
            claims["usage"] = sum((one.line.amount for one in assembled.snapshots), ZERO)
            for line, _ in assembled.settlements:
                claims[line.kind] += line.amount
        return cls(closing.span.version_id, claims)  # type: ignore[arg-type]


NOTHING = {"usage": ZERO, "true_up": ZERO, "surcharge": ZERO}


def contracts_for(closing: Closing, billed: Sequence[Billed], earlier: Mapping[int, Tried]) -> dict[int, Contract]:
    """
    Return the contract of a period, as it is when its document is made; none where nothing is promised.

    billed: all periods of the subscription, as they are billed. earlier: those that were simulated before this one.
    """
    span = closing.span
    if commitment_of(span) is None or span.is_trial:
        return {}
    rows = [_as_then(row, closing, earlier) for row in billed]
    for run in contracts(rows, span):
        ids = [one.period_id for one in run]
        if span.period_id in ids:
            ends = run[-1] is not rows[-1] or not closing.goes_on
            return {span.period_id: contract_of(run, span, ends=ends)}
    return {}


def _as_then(row: Billed, closing: Closing, earlier: Mapping[int, Tried]) -> Billed:
    """Return a period as it is billed when the period of `closing` is."""
    if row.period_id == closing.span.period_id:
        return row._replace(version_id=closing.span.version_id, is_closed=True, **NOTHING)
    if row.starts_at > closing.span.starts_at:
        is_tried = closing.span.version_id < 0
        version_id = closing.span.version_id if is_tried else row.version_id
        return row._replace(version_id=version_id, is_closed=False, **NOTHING)
    known = earlier.get(row.period_id)
    if known is None:
        return row
    return row._replace(version_id=known.version_id, is_closed=True, **known.claims)
