"""The families of golden cases with their runners, and their outcomes as a table."""

from types import ModuleType

from tests.golden import (
    aggregation_cases,
    commitment_cases,
    metrics_cases,
    period_cases,
    pricing_cases,
    proration_cases,
    revenue_cases,
    rounding_cases,
    scenario_cases,
    wallet_cases,
)
from tests.golden.cases import load

RUNNERS: dict[str, ModuleType] = {
    "charges": pricing_cases,
    "rounding": rounding_cases,
    "periods": period_cases,
    "aggregations": aggregation_cases,
    "commitments": commitment_cases,
    "proration": proration_cases,
    "wallets": wallet_cases,
    "scenarios": scenario_cases,
    "metrics": metrics_cases,
    "revenue": revenue_cases,
}


def outcome_table() -> str:
    """Return how many cases of each family agree, differ by a written rule, or lack a capability, as Markdown."""
    counts = {name: _counts(name) for name in RUNNERS}
    rows = [(name, sum(outcome_counts), *outcome_counts) for name, outcome_counts in counts.items()]
    totals = [sum(column) for column in zip(*[row[1:] for row in rows], strict=True)]
    lines = ["| family | cases | agree | differ | missing |", "|---|---|---|---|---|"]
    lines += [f"| {' | '.join(map(str, row))} |" for row in [*rows, ("all", *totals)]]
    return "\n".join(lines)


def _counts(name: str) -> tuple[int, int, int]:
    ids = {case["id"] for case in load(f"{name}.json")["cases"]}
    differing, missing = (len(ids & load(f"{listed}.json").keys()) for listed in ("differences", "missing"))
    return len(ids) - differing - missing, differing, missing
