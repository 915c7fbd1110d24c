"""Lists, read page by page."""

from collections.abc import Iterator, Mapping
from typing import Any, Generic, TypeVar

from tollbook_client.connection import Connection
from tollbook_client.deserialization import read

T = TypeVar("T")

PAGE_SIZE = 200


class Pages(Generic[T]):
    """The rows of a list, newest first; each iteration reads them again, and each page when it is needed."""

    def __init__(
        self, connection: Connection, path: str, kind: type[T], query: Mapping[str, Any] | None = None
    ) -> None:
        self._connection, self._path, self._kind, self._query = connection, path, kind, query or {}

    def __iter__(self) -> Iterator[T]:
        cursor: str | None = None
        while True:
            query = {"limit": PAGE_SIZE, **self._query, "cursor": cursor}
            page = self._connection.json("GET", self._path, query=query)
            for row in page["data"]:
                yield read(self._kind, row)
            cursor = page.get("next_cursor")
            if not cursor:
                return

    def first(self) -> T | None:
        """Return the newest row, or None if there is none."""
        page = self._connection.json("GET", self._path, query={**self._query, "limit": 1})
        return read(self._kind, page["data"][0]) if page["data"] else None
