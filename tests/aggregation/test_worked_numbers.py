"""The worked numbers of docs/metering.md."""

import re
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from functools import reduce
from pathlib import Path

import pytest

from plans.aggregation.aggregate_state import (
    EMPTY,
    AggregateState,
    EventValue,
    UsageWindow,
    aggregate_event,
    compute_quantity,
    merge_states,
    to_microseconds,
)
from plans.aggregation.distinct_values import MembershipChange, apply_changes
from plans.aggregation.weighted_sum import integrate_level, level_moment, weighted_sum
from tests.docs_tables import anchor

D = Decimal
ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "metering.md").read_text(encoding="utf-8")
START = datetime(2026, 4, 1, tzinfo=UTC)
DAY = timedelta(days=1)
WINDOW = UsageWindow(START, START + 30 * DAY, to_microseconds(30 * DAY))


def rows(section: str, *, table: int = 0) -> list[dict[str, str]]:
    """Return the rows of a section's table by column name."""
    text = PAGE.split(f"\n## {section.replace('-', ' ').capitalize()}\n")[1].split("\n## ")[0]
    tables = re.findall(r"(?:^\|.*\n)+", text, re.MULTILINE)
    header, _, *body = [[cell.strip() for cell in line.strip("|").split("|")] for line in tables[table].splitlines()]
    return [dict(zip(header, cells, strict=True)) for cells in body]


def aggregate_all(measures: str, events: list[EventValue]) -> AggregateState:
    total = reduce(merge_states, (aggregate_event(mark, START) for mark in events), EMPTY)
    if measures == "deltas":
        return total
    return AggregateState(latest=total.latest, first_at=total.first_at, moment=level_moment(sorted(events)))


@pytest.mark.parametrize("row", rows("aggregations", table=1), ids=lambda row: row["aggregation"])
def test_an_aggregation_of_three_values_is_as_documented(row):
    events = [EventValue(START + n * DAY, "", f"e{n}", D(value)) for n, value in enumerate((4, 10, 1))]
    assert compute_quantity(row["aggregation"], aggregate_all("deltas", events)) == D(row["quantity"])


@pytest.mark.parametrize("row", rows("weighted-sum"), ids=lambda row: row["why"])
def test_a_level_is_integrated_as_documented(row):
    events = []
    for event in filter(None, row["events (day: value)"].split(", ")):
        day, value = event.split(": ")
        events.append(EventValue(START + int(day) * DAY, "", day, D(value)))
    state, opening = aggregate_all(row["measures"], events), D(row["opening level"])
    days = integrate_level(row["measures"], state, start=START, end=WINDOW.end, opening=opening) / to_microseconds(
        DAY
    )
    assert days == D(row["integral"])
    assert weighted_sum(row["measures"], state, WINDOW, opening=opening) == D(row["weighted sum"])


def test_members_are_added_and_removed_as_documented():
    there: dict[str, bool] = {}
    total = 0
    for row in rows("unique"):
        moved = 0
        for number, word in enumerate(row["events"].split(", ")):
            value, does = word.split(" ")[0], word.split(" ")[-1]
            step = MembershipChange(START + int(row["period"]) * DAY, "", str(number), does != "leaves")
            _, by = apply_changes(None, [step], was_member=there.get(value, False))
            moved += by
            there[value] = step.joins
        total += moved
        assert (moved, total) == (int(row["net change"]), int(row["at its end"]))


def test_every_section_referenced_by_code_exists():
    sections = {anchor(heading) for heading in re.findall(r"^## (.+)$", PAGE, re.MULTILINE)}
    sources = [path.read_text(encoding="utf-8") for path in (ROOT / "plans" / "aggregation").rglob("*.py")]
    assert {name for text in sources for name in re.findall(r"docs/metering\.md#([\w-]+)", text)} <= sections
