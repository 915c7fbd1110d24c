"""Values as text for an export."""

import json
from collections.abc import Iterable, Sequence
from datetime import date
from typing import Any


def text_rows(rows: Iterable[Sequence[Any]]) -> Iterable[list[str]]:
    return ([to_text(value) for value in row] for row in rows)


def to_text(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, dict):
        return json.dumps(value, ensure_ascii=False)
    return value.isoformat() if isinstance(value, date) else str(value)
