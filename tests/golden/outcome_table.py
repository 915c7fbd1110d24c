"""The outcomes of the golden cases by family, as a table."""

from tests.golden import (
    aggregation_cases,
    commitment_cases,
    period_cases,
    pricing_cases,
    proration_cases,
    rounding_cases,
    scenario_cases,
    wallet_cases,
)
from tests.golden.cases import KindOf, family, load, model_or_kind

LATER: dict[str, dict[str, str]] = {
    "charges": pricing_cases.LATER,
    "rounding": rounding_cases.LATER,
    "periods": period_cases.LATER,
    "aggregations": aggregation_cases.LATER,
    "commitments": commitment_cases.LATER,
    "proration": proration_cases.LATER,
    "wallets": wallet_cases.LATER,
    "scenarios": scenario_cases.LATER,
}
KINDS: dict[str, KindOf] = {"scenarios": scenario_cases.kind_of}


def table() -> str:
    """Return how many cases of each family agree, differ by a documented rule, or wait for something, as Markdown."""
    counts = {name: _counts(name) for name in LATER}
    rows = [(name, sum(outcome_counts), *outcome_counts) for name, outcome_counts in counts.items()]
    totals = [sum(column) for column in zip(*[row[1:] for row in rows], strict=True)]
    lines = ["| family | cases | agree | differ | later |", "|---|---|---|---|---|"]
    lines += [f"| {' | '.join(map(str, row))} |" for row in [*rows, ("all", *totals)]]
    return "\n".join(lines)


def _counts(name: str) -> tuple[int, int, int]:
    cases = family(name, KINDS.get(name, model_or_kind))
    differ = sum(case["id"] in load("differences.json") for case in cases)
    later = sum(case["kind"] in LATER[name] for case in cases)
    return len(cases) - differ - later, differ, later
