"""The targets that accounting files are made for, by code."""

from billing.revenue.accounting_files.formats.datev import DatevWriter
from billing.revenue.accounting_files.formats.plain_text_ledgers import BeancountWriter, HledgerWriter
from billing.revenue.accounting_files.formats.sie import SieWriter
from billing.revenue.accounting_files.formats.spreadsheets import (
    JournalWriter,
    NetSuiteWriter,
    QuickBooksWriter,
    XeroWriter,
)
from billing.revenue.accounting_files.formats.writer import Writer

WRITERS: dict[str, type[Writer]] = {
    "journal": JournalWriter,
    "quickbooks": QuickBooksWriter,
    "xero": XeroWriter,
    "netsuite": NetSuiteWriter,
    "datev": DatevWriter,
    "sie": SieWriter,
    "beancount": BeancountWriter,
    "hledger": HledgerWriter,
}
