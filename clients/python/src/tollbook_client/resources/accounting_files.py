"""Accounting files of the sellers' months."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from tollbook_client.pages import Pages
from tollbook_client.resources import Resource


@dataclass(frozen=True, slots=True)
class AccountingFile:
    """A file of a batch. size: in bytes."""

    number: int
    name: str
    size: int
    sha256: str


@dataclass(frozen=True, slots=True)
class Batch:
    """
    The files of a seller's month for one target, in one currency.

    month: such as 2026-01. state: provisional, final or imported. predecessor: the batch that it brings up to date.
    replaced_by: the final batch of the locked month that replaces a provisional one.
    """

    number: int
    label: str
    seller: str
    month: str
    target: str
    currency: str
    is_detailed: bool
    state: str
    first_number: int
    entries: int
    predecessor: int | None
    replaced_by: int | None
    sha256: str
    made_at: datetime
    imported_at: datetime | None
    files: tuple[AccountingFile, ...]


class AccountingFiles(Resource):
    """`client.accounting_files`. The key needs `revenue:read`, and `revenue:manage` to make files."""

    def list(self, *, seller: str | None = None, target: str | None = None, state: str | None = None) -> Pages[Batch]:
        """Return the batches, newest first."""
        return self._pages(Batch, "/revenue/batches", seller=seller, target=target, state=state)

    def get(self, number: int) -> Batch:
        return self._call(Batch, "GET", f"/revenue/batches/{number}")

    def make(
        self,
        *,
        seller: str,
        month: str,
        target: str,
        is_provisional: bool = False,
        is_detailed: bool | None = None,
        exchange_rates: Mapping[str, Decimal] | None = None,
        dry_run: bool = False,
    ) -> int:
        """
        Start the job that makes a month's files, and return its number; `month` is such as 2026-01.

        A locked month has final files. is_provisional: make files of an open month, which the final ones replace.
        """
        body: dict[str, Any] = {
            "seller": seller,
            "month": month,
            "target": target,
            "is_provisional": is_provisional,
            "is_detailed": is_detailed,
            "dry_run": dry_run,
            "exchange_rates": dict(exchange_rates or {}),
        }
        return int(self._connection.json("POST", "/revenue/batches", body=body)["number"])

    def mark_imported(self, number: int) -> Batch:
        return self._call(Batch, "POST", f"/revenue/batches/{number}/imported")

    def download(self, number: int, file: int = 1) -> bytes:
        """Return the bytes of a batch's file; they are the same every time."""
        return self._connection.request("GET", f"/revenue/batches/{number}/files/{file}").content
