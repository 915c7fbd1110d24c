"""The resources of the API, each an attribute of the client."""

from typing import Any, TypeVar

from tollbook_client.connection import Connection
from tollbook_client.deserialization import read
from tollbook_client.pages import Pages

T = TypeVar("T")


class Resource:
    """Base class of the resources."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def _call(self, kind: type[T], method: str, path: str, **arguments: Any) -> T:
        """Return the response to a request as a `kind`."""
        return read(kind, self._connection.json(method, path, **arguments))

    def _pages(self, kind: type[T], path: str, /, **query: Any) -> Pages[T]:
        return Pages(self._connection, path, kind, query)
