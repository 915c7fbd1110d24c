"""A page of docs/recipes: an offer, its usage and its invoices, as tables."""

import json
import re
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from plans.aggregation.expressions import compile_expression
from tests import docs_tables

SIGNS = str.maketrans({"×": "*", "÷": "/", "−": "-", ",": None})


@dataclass(frozen=True)
class Recipe:
    """The page of an offer, by its name without ending."""

    name: str

    def table(self, section: str) -> list[dict[str, str]]:
        """Return the rows of a section's table, without backticks; none if the page has no such section."""
        page = f"recipes/{self.name}.md"
        if f"\n## {section}\n" not in (docs_tables.DOCS / page).read_text(encoding="utf-8"):
            return []
        return [{column: cell.strip("`") for column, cell in row.items()} for row in docs_tables.rows(page, section)]

    def price_list(self, plan: str) -> Any:
        """Return the price list of a plan, docs/recipes/<plan>.json."""
        return json.loads((docs_tables.DOCS / "recipes" / f"{plan}.json").read_text(encoding="utf-8"))


def moment(text: str) -> datetime:
    """Return the time of a cell such as 2026-01-05 09:00, in UTC; a date is its midnight."""
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def number(text: str) -> Decimal:
    """Return the number of a cell such as 1,200,000."""
    return Decimal(text.translate(SIGNS))


def properties(text: str) -> dict[str, Any]:
    """Return the properties in a cell such as `model: large, tokens: 1200`; numbers are numbers."""
    pairs = (pair.split(": ", 1) for pair in re.split(r", (?=\w+: )", text) if pair)
    return {name: int(value) if value.isdecimal() else value for name, value in pairs}


def value_of(working: str) -> Decimal:
    """Return the exact value of a working such as `2,000,000 × 0.0000025 + 1.20`."""
    return Decimal(compile_expression(working.translate(SIGNS)).value({}))
