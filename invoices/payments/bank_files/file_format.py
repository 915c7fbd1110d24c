"""Detect the format of a bank's file, and read it."""

import re
from enum import StrEnum

from invoices.payments.bank_files.camt053 import read_camt053
from invoices.payments.bank_files.csv_file import CsvColumns, read_csv
from invoices.payments.bank_files.mt940 import read_mt940
from invoices.payments.bank_files.statements import BankFileRefused, BankFileStatement, check_statement

_MT940 = re.compile(rb"(^|\n|\{4:\r?\n?):20:", re.MULTILINE)
_XML = (b"<", b"\xef\xbb\xbf<", b"\xff\xfe<", b"\xfe\xff\x00<")


class BankFileFormat(StrEnum):
    CAMT053 = "camt053"
    MT940 = "mt940"
    CSV = "csv"


def detect_format(content: bytes) -> BankFileFormat:
    """Return the format by the content; a file that is neither XML nor MT940 is taken for CSV."""
    if content.lstrip(b" \t\r\n").startswith(_XML):
        return BankFileFormat.CAMT053
    return BankFileFormat.MT940 if _MT940.search(content[:10_000]) else BankFileFormat.CSV


def read_bank_file(
    content: bytes, *, account: str = "", columns: CsvColumns | None = None
) -> tuple[BankFileFormat, list[BankFileStatement]]:
    """
    Return the format of a file, and its statements, whose amounts and balances are checked.

    account, columns: of a CSV file, which names neither.

    :raises BankFileRefused: if it can't be read, a balance doesn't fit, or the facts of a CSV file are missing.
    """
    file_format = detect_format(content)
    if file_format is BankFileFormat.CAMT053:
        statements = read_camt053(content)
    elif file_format is BankFileFormat.MT940:
        statements = read_mt940(content)
    elif not account or columns is None:
        raise BankFileRefused("The file is CSV: enter the bank account and the names of the columns.")
    else:
        statements = read_csv(content, account=account, columns=columns)
    checked = [check_statement(statement) for statement in statements]
    if not any(statement.lines for statement in checked):
        raise BankFileRefused("The file has no movements.")
    return file_format, checked
