"""The interface of the places where a drop's files lie."""

from typing import IO, Protocol


class StoreFailed(Exception):
    """
    A file could not be written or deleted; the text says why, and how to go on.

    may_pass: whether the same may succeed a little later.
    """

    def __init__(self, reason: str, *, may_pass: bool = False) -> None:
        super().__init__(reason)
        self.may_pass = may_pass


class Store(Protocol):
    """A place for files, each written whole. Both calls may be repeated, and raise `StoreFailed`."""

    def write(self, path: str, file: IO[bytes], *, size: int, sha256: str) -> None:
        """Store a file, read from its beginning, in place of the one there. Nobody ever sees a part of it."""
        ...

    def delete(self, path: str) -> None:
        """Delete a file, and all that a killed worker left of it."""
        ...
