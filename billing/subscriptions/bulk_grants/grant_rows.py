"""Rows of a promotion table as grants, with the problems by row and field."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from hashlib import blake2b
from typing import NamedTuple

import msgspec
from django.utils.translation import gettext as _

from customers.models import Customer
from lib.tabular_files import TableRow
from plans.models import Feature
from plans.price_lists import cell_parser
from plans.price_lists.cell_parser import CellRefused
from wallets.credit_rules.units import InvalidAmount, check_amount
from wallets.ledger.grant import Grant
from wallets.ledger.wallet_lookup import WalletCriteria
from wallets.models.lots import LotKind
from wallets.models.wallets import CREDITS

COLUMNS = ("customer", "units", "unit", "expires", "features", "reason", "key")
REQUIRED_COLUMNS = ("customer", "units")
# The reason's column has 300 characters; the key becomes a part of the transaction's reference, which has 120.
MAX_REASON, MAX_KEY = 300, 80


class GrantProblem(NamedTuple):
    """A row that grants nothing: its number, the customer, the field and the reason."""

    row: int
    customer: str
    field: str
    detail: str


@dataclass(frozen=True, slots=True)
class GrantRow:
    """A row that grants something. sought: the wallet to grant to."""

    row: int
    customer: str
    sought: WalletCriteria
    grant: Grant
    reason: str


def parse_grant_rows(
    rows: Sequence[TableRow], *, sandbox: bool, at: datetime
) -> tuple[list[GrantRow], list[GrantProblem]]:
    """Return the rows' grants and the problems of the others, in two statements for any number of rows."""
    reader = _Reader(rows, sandbox=sandbox, at=at)
    grants_by_key: dict[tuple[int, str], GrantRow] = {}
    problems = []
    for row in rows:
        try:
            grant_row = reader.parse_row(row)
            first_row = grants_by_key.setdefault((grant_row.sought.customer_id, grant_row.grant.source), grant_row)
            # Two rows with one key would grant only once, so the second one is reported.
            if first_row is not grant_row:
                raise _Refused(
                    "key", _("Row %(row)s has the same content. Give each row its own key.") % {"row": first_row.row}
                )
        except _Refused as refusal:
            problems.append(GrantProblem(row.number, row.cells["customer"], refusal.field, str(refusal)))
    return list(grants_by_key.values()), problems


class _Refused(ValueError):
    def __init__(self, field: str, text: str) -> None:
        super().__init__(text)
        self.field = field


class _Reader:
    def __init__(self, rows: Iterable[TableRow], *, sandbox: bool, at: datetime) -> None:
        self._at = at
        names = {row.cells["customer"] for row in rows}
        codes = {code for row in rows for code in _codes(row.cells)}
        customers = Customer.objects.filter(external_id__in=names, sandbox=sandbox)
        self._customers = dict(customers.values_list("external_id", "pk"))
        self._features = dict(Feature.objects.filter(code__in=codes).values_list("code", "pk"))

    def parse_row(self, row: TableRow) -> GrantRow:
        name = row.cells["customer"]
        if name not in self._customers:
            raise _Refused(
                "customer",
                _("Unknown customer “%(customer)s”. Enter the external ID of a customer.") % {"customer": name},
            )
        unit = self._unit(row.cells["unit"])
        grant = Grant(
            LotKind.PROMOTIONAL,
            self._units(row.cells["units"]),
            f"promo:{_key(row.cells)}",
            expires_at=self._expires_at(row.cells["expires"]),
            features=self._features_of(row.cells),
        )
        if len(row.cells["reason"]) > MAX_REASON:
            raise _Refused("reason", _("Enter at most %(most)s characters.") % {"most": MAX_REASON})
        return GrantRow(row.number, name, WalletCriteria(self._customers[name], unit), grant, row.cells["reason"])

    def _units(self, text: str) -> Decimal:
        try:
            return check_amount(cell_parser.parse_number(text))
        except (CellRefused, InvalidAmount) as refusal:
            raise _Refused("units", str(refusal)) from refusal

    def _unit(self, text: str) -> str:
        if text.lower() in ("", CREDITS):
            return CREDITS
        try:
            return cell_parser.parse_currency(text)
        except CellRefused as refusal:
            raise _Refused(
                "unit", _("Enter “credits” or a currency. %(refusal)s") % {"refusal": refusal}
            ) from refusal

    def _expires_at(self, text: str) -> datetime | None:
        if not text:
            return None
        try:
            moment = cell_parser.parse_time(text)
        except CellRefused as refusal:
            raise _Refused("expires", str(refusal)) from refusal
        # Compared with the job's creation, so that dry run and real run agree.
        if moment <= self._at:
            raise _Refused("expires", _("%(time)s is in the past. Enter a later time, or none.") % {"time": text})
        return moment

    def _features_of(self, cells: Mapping[str, str]) -> list[int]:
        unknown = [code for code in _codes(cells) if code not in self._features]
        if unknown:
            raise _Refused(
                "features",
                _("Unknown feature “%(code)s”. Enter feature codes, separated by spaces.") % {"code": unknown[0]},
            )
        return sorted({self._features[code] for code in _codes(cells)})


def _codes(cells: Mapping[str, str]) -> list[str]:
    return cells["features"].replace(",", " ").split()


def _key(cells: Mapping[str, str]) -> str:
    """Return the key that makes the grant count once: the row's own, or a digest of the whole row."""
    if key := cells["key"]:
        if len(key) > MAX_KEY:
            raise _Refused("key", _("Enter at most %(most)s characters.") % {"most": MAX_KEY})
        return key
    return blake2b(msgspec.json.encode([cells[name] for name in COLUMNS]), digest_size=16).hexdigest()
