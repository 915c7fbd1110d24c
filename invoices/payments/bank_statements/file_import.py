"""Import a bank's file: its new lines are stored once, to be matched next."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from hashlib import sha256
from typing import Any

from django.db.models import QuerySet
from django.utils.translation import gettext as _

from access.approvals import Requester
from customers.models import Seller
from invoices.models import BankAccount, BankLine, BankStatement
from invoices.models.bank_statements import BankLineState
from invoices.payments.bank_files import BankFileLine, BankFileRefused, BankFileStatement, read_bank_file
from invoices.payments.bank_files.csv_file import CsvColumns, DateOrder, DecimalMark
from invoices.payments.bank_files.statements import clean_account
from invoices.payments.bank_statements.line_identity import line_identities
from lib.audit_log import audited_transaction
from lib.failpoints import hit_failpoint

MAX_FILE_BYTES = 5 * 1024 * 1024
MAX_FILE_NAME = 200


@dataclass(frozen=True, slots=True)
class StatementPreview:
    """A statement of a file, with the number of its lines that are new, and that are stored already."""

    statement: BankFileStatement
    new: int
    repeated: int


@dataclass(frozen=True, slots=True)
class ImportedFile:
    """statements: those that brought a new line. new, repeated: lines of the whole file."""

    statements: Sequence[BankStatement]
    new: int
    repeated: int


@dataclass(frozen=True, slots=True)
class _Reading:
    """A file that was read. identities: of the lines of each statement."""

    format: str
    statements: Sequence[BankFileStatement]
    identities: Sequence[Sequence[str]]


def preview_bank_file(
    *, seller: Seller, content: bytes, account: str = "", columns: CsvColumns | None = None
) -> list[StatementPreview]:
    """
    Return the statements of a file; nothing is stored.

    :raises BankFileRefused: as `import_bank_file` does.
    """
    reading = _read(seller, content, account, columns)
    stored = _stored_identities(reading)
    return [
        StatementPreview(statement, *_count(identities, stored[statement.account]))
        for statement, identities in zip(reading.statements, reading.identities, strict=True)
    ]


def import_bank_file(
    *,
    seller: Seller,
    content: bytes,
    file_name: str,
    by: Requester,
    at: datetime,
    account: str = "",
    columns: CsvColumns | None = None,
) -> ImportedFile:
    """
    Store the lines of a file that no earlier file has brought, in one transaction; repeating it stores nothing.

    account, columns: of a CSV file; the columns are remembered, and by default those of its last file.

    :raises BankFileRefused: if the file is too large, can't be read, or is of an account of another seller.
    """
    reading = _read(seller, content, account, columns)
    digest = sha256(content).hexdigest()
    with audited_transaction("import bank statement", by=by.user, at=at):
        accounts = _lock_accounts(reading, seller, columns)
        stored = _stored_identities(reading)
        imported, new_count, repeated_count = [], 0, 0
        for place, (statement, identities) in enumerate(
            zip(reading.statements, reading.identities, strict=True), start=1
        ):
            new, repeated = _count(identities, stored[statement.account])
            new_count, repeated_count = new_count + new, repeated_count + repeated
            if new:
                row = BankStatement.objects.create(
                    account=accounts[statement.account],
                    format=reading.format,
                    file_name=file_name[-MAX_FILE_NAME:],
                    digest=digest,
                    place=place,
                    reference=statement.reference,
                    currency=statement.currency or None,
                    opening=statement.opening if statement.closing is not None else None,
                    closing=statement.closing if statement.opening is not None else None,
                    lines_in_file=len(identities),
                    repeated=repeated,
                    by=by.user,
                    api_key_id=by.api_key_id,
                    imported_at=at,
                )
                _store_lines(row, statement, identities, stored[statement.account])
                imported.append(row)
        hit_failpoint("bank_import.before_commit")
        return ImportedFile(imported, new_count, repeated_count)


def read_remembered_columns(*, account: str) -> CsvColumns | None:
    """Return the columns of an account's last CSV file."""
    stored = BankAccount.objects.filter(number=clean_account(account)).values_list("csv_columns", flat=True).first()
    return columns_from(stored) if stored else None


def columns_from(values: Mapping[str, Any]) -> CsvColumns:
    """Return the columns as they are stored or sent."""
    known = {name: value for name, value in values.items() if name in CsvColumns.__slots__}
    order, mark = known.pop("date_order", "") or "day_first", known.pop("decimal_mark", "") or "comma"
    return CsvColumns(date_order=DateOrder(order), decimal_mark=DecimalMark(mark), **known)


def _read(seller: Seller, content: bytes, account: str, columns: CsvColumns | None) -> _Reading:
    if len(content) > MAX_FILE_BYTES:
        raise BankFileRefused(
            _("The file has %(bytes)s bytes; the limit is %(most)s.")
            % {"bytes": f"{len(content):,}", "most": f"{MAX_FILE_BYTES:,}"}
        )
    if account and columns is None:
        columns = read_remembered_columns(account=account)
    file_format, statements = read_bank_file(content, account=account, columns=columns)
    numbers = {statement.account for statement in statements}
    other = BankAccount.objects.filter(number__in=numbers).exclude(seller=seller).select_related("seller").first()
    if other is not None:
        text = _("The account %(account)s belongs to %(seller)s. Choose that seller.")
        raise BankFileRefused(text % {"account": other.number, "seller": other.seller})
    # Of one account, equal lines are numbered across the statements of the file.
    by_account: dict[str, list[BankFileLine]] = defaultdict(list)
    for statement in statements:
        by_account[statement.account] += statement.lines
    identities = {number: iter(line_identities(lines)) for number, lines in by_account.items()}
    per_statement = [[next(identities[statement.account]) for _line in statement.lines] for statement in statements]
    return _Reading(file_format, statements, per_statement)


def _lock_accounts(reading: _Reading, seller: Seller, columns: CsvColumns | None) -> dict[str, BankAccount]:
    """Return the accounts by number, locked in their order, so that two imports of an account follow each other."""
    numbers = sorted({statement.account for statement in reading.statements})
    missing = [BankAccount(seller=seller, number=number) for number in numbers]
    # A concurrent import may create the same account: the second one waits, and finds it.
    BankAccount.objects.bulk_create(missing, ignore_conflicts=True)
    accounts = list(BankAccount.objects.select_for_update(no_key=True).filter(number__in=numbers).order_by("number"))
    if columns is not None and reading.format == "csv":
        for account in accounts:
            if account.csv_columns != (values := asdict(columns)):
                account.csv_columns = values
                account.save(update_fields=["csv_columns"])
    return {account.number: account for account in accounts}


def _stored_identities(reading: _Reading) -> dict[str, set[str]]:
    """Return account → identities of the file that are stored already."""
    stored: dict[str, set[str]] = {statement.account: set() for statement in reading.statements}
    identities = [identity for part in reading.identities for identity in part]
    lines: QuerySet[Any, tuple[str, str]] = BankLine.objects.filter(
        account__number__in=stored, identity__in=identities
    ).values_list("account__number", "identity")
    for number, identity in lines:
        stored[number].add(identity)
    return stored


def _count(identities: Sequence[str], stored: set[str]) -> tuple[int, int]:
    repeated = sum(identity in stored for identity in identities)
    return len(identities) - repeated, repeated


def _store_lines(
    row: BankStatement, statement: BankFileStatement, identities: Sequence[str], stored: set[str]
) -> None:
    BankLine.objects.bulk_create(
        [
            BankLine(
                account_id=row.account_id,
                statement=row,
                place=place,
                identity=identity,
                value_date=line.value_date,
                amount=line.amount,
                currency=line.currency,
                payer_name=line.payer_name,
                payer_account=line.payer_account,
                text=line.text,
                end_to_end_id=line.end_to_end_id,
                bank_reference=line.bank_reference,
                is_reversal=line.is_reversal,
                state=BankLineState.NEW if line.amount > 0 else BankLineState.OUTGOING,
            )
            for place, (line, identity) in enumerate(zip(statement.lines, identities, strict=True), start=1)
            if identity not in stored
        ],
        batch_size=1_000,
    )
