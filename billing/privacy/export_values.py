"""Values as an export writes them."""

import json
from collections.abc import Iterable, Sequence
from datetime import date
from typing import Any


def text_rows(found: Iterable[Sequence[Any]]) -> Iterable[list[str]]:
    return ([to_text(value) for value in row] for row in found)


def to_text(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, dict):
        return json.dumps(value, ensure_ascii=False)
    return value.isoformat() if isinstance(value, date) else str(value)
