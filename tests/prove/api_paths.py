"""Values of the parameters in the API's paths, which its lists supply."""

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

# Rows of one list, and the lists of so many owners: enough to reach each operation, few enough to read at once.
MAX_ROWS, MAX_OWNERS = 20, 5

Values = dict[str, Any]


class PathValues:
    """
    The parameters of each path that name existing rows.

    document: of OpenAPI. read: returns the JSON that an address answers, or None. known: the name of a parameter, or
        “collection.name”, → values, for rows that no list contains.
    """

    def __init__(
        self, document: Mapping[str, Any], read: Callable[[str], Any], known: Mapping[str, list[Any]]
    ) -> None:
        self.document, self.read, self.known = document, read, known
        self._rows: dict[str, list[Any]] = {}

    def all(self) -> dict[str, list[Values]]:
        """Return path → the values of its parameters, for each path that has some."""
        return {path: values for path in self.document["paths"] if "{" in path and (values := list(self.of(path)))}

    def of(self, path: str) -> Iterator[Values]:
        """Yield the values of a path's parameters."""
        start = path.rfind("{")
        if start < 0:
            yield {}
            return
        parent, name = path[: start - 1], path[start + 1 : path.index("}", start)]
        for owners in list(self.of(parent))[:MAX_OWNERS]:
            for value in self._values(parent, name, owners)[:MAX_ROWS]:
                yield owners | {name: value}

    def _values(self, parent: str, name: str, owners: Values) -> list[Any]:
        if (values := self.known.get(f"{parent.rpartition('/')[2]}.{name}")) is not None:
            return values
        is_listed = "get" in self.document["paths"].get(parent, {})
        if not is_listed or (name in self.known and "{" not in parent):
            return self.known.get(name, [])
        address = re.sub(r"\{(\w+)\}", lambda match: str(owners[match[1]]), parent)
        if address not in self._rows:
            answer = self.read(f"{address}?limit=200")
            rows = answer.get("data", []) if isinstance(answer, dict) else answer
            self._rows[address] = [_key(row, name) for row in rows or [] if isinstance(row, dict)]
        return [value for value in self._rows[address] if value is not None]


def _key(row: Values, name: str) -> Any:
    """Return the value by which a path names a row: a coupon of a customer is a part of its row."""
    part = row.get(name, row)
    keys = ("number", "id") if name == "number" else (name, "id", "code")
    if not isinstance(part, dict):
        return part
    return next((part[key] for key in keys if part.get(key) is not None), None)
