"""
Files of banks as statements with exact amounts: CAMT.053, MT940 and CSV. docs/payments.md#bank-statements.

Pure: no Django, no database and no clock.
"""

from invoices.payments.bank_files.file_format import BankFileFormat, read_bank_file
from invoices.payments.bank_files.statements import BankFileLine, BankFileRefused, BankFileStatement

__all__ = ["BankFileFormat", "BankFileLine", "BankFileRefused", "BankFileStatement", "read_bank_file"]
