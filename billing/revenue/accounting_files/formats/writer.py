"""The base of all writers, and the division of entries into files."""

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator
from itertools import count
from typing import ClassVar, NamedTuple

from billing.revenue.accounting_files.formats.journal import Book, JournalEntry, LedgerAccount, split_entry
from billing.revenue.accounting_files.formats.texts import one_line
from lib.spreadsheet_cells import FORMULA_PREFIXES

CHUNK_ENTRIES = 2_000
"""Entries whose text is encoded at once, which bounds the memory that a file needs."""


class Chunk(NamedTuple):
    """A part of a file; the next file begins where the name changes."""

    file_name: str
    content: bytes


class Writer(ABC):
    """
    Writes the entries of a book in one form.

    suffix, prefix: of the file's name. most_rows: rows for entries in a file, if the target limits them.
    is_in_book_currency: whether the form has no column for the currency, and so holds the book's own currency only.
    identifies_by_name: whether the target finds an account by its name instead of its code.
    needs_exchange_rate: whether amounts in another currency than the book's are written in both.
    """

    encoding: ClassVar[str] = "utf-8"
    suffix: ClassVar[str] = ".csv"
    prefix: ClassVar[str] = ""
    most_rows: ClassVar[int | None] = None
    is_in_book_currency: ClassVar[bool] = False
    identifies_by_name: ClassVar[bool] = False
    needs_exchange_rate: ClassVar[bool] = False

    def __init__(self, book: Book) -> None:
        """:raises UnwritableFile: if the book lacks a value that this form needs."""
        self.book = book
        self.mark = book.mark

    @classmethod
    @abstractmethod
    def problem_with(cls, account: LedgerAccount, *, is_receivable: bool) -> str:
        """Return why the target can't take this account, and the way out; empty if it can."""

    @abstractmethod
    def head(self) -> str:
        """Return the text before the first entry of each file."""

    @abstractmethod
    def text_of(self, entry: JournalEntry) -> str:
        """Return the rows of an entry."""

    def rows_of(self, entry: JournalEntry) -> int:
        """Return the number of rows that an entry has at most."""
        return len(entry.lines)


def write_files(writer: Writer, entries: Iterable[JournalEntry]) -> Iterator[Chunk]:
    """
    Yield the files of these entries, in parts. No entry spans two files: a longer one becomes balanced parts.

    The same entries give the same bytes.
    """
    names = file_names(type(writer), writer.book.label)
    name, texts, rows = next(names), [writer.head()], 0
    most = writer.most_rows
    for entry in entries if most is None else _fitting(writer, entries, most):
        if most is not None:
            entry_rows = writer.rows_of(entry)
            if rows + entry_rows > most:
                yield Chunk(name, "".join(texts).encode(writer.encoding))
                name, texts, rows = next(names), [writer.head()], 0
            rows += entry_rows
        texts.append(writer.text_of(entry))
        if len(texts) >= CHUNK_ENTRIES:
            yield Chunk(name, "".join(texts).encode(writer.encoding))
            texts = []
    yield Chunk(name, "".join(texts).encode(writer.encoding))


def problem_with_cells(account: LedgerAccount) -> str:
    """Return why an account's texts can't be cells of any file; empty if they can."""
    for label, text in zip(("code", "name", "cost center", "tax key", "contact"), account, strict=True):
        if text.startswith(FORMULA_PREFIXES):
            return (
                f"The {label} “{text}” begins with “{text[0]}”, which spreadsheets take for a formula."
                f" Enter a {label} without it."
            )
        if one_line(text).strip() != text:
            return f"The {label} “{text}” has control characters or outer spaces. Remove them."
    return ""


def _fitting(writer: Writer, entries: Iterable[JournalEntry], most: int) -> Iterator[JournalEntry]:
    for entry in entries:
        if writer.rows_of(entry) <= most:
            yield entry
        else:
            yield from split_entry(entry, most=most)


def file_names(writer: type[Writer], label: str) -> Iterator[str]:
    """Yield the names of the files of a batch."""
    name = writer.prefix + label
    yield name + writer.suffix
    for number in count(2):
        yield f"{name}-{number}{writer.suffix}"
