"""Wallet statements in an invoice's appendix. Wallets provide them: see docs/decisions/0007-usage-appendix.md."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class WalletRow:
    """A printed line. note: printed below it. is_sum: whether it is the opening or closing balance."""

    text: str
    amount: str
    note: str = ""
    is_sum: bool = False


@dataclass(frozen=True, slots=True)
class WalletStatement:
    """
    The movements of one wallet in the invoice's period, in its customer's language.

    heading, span: title, and days covered. columns: the column headings.
    """

    heading: str
    span: str
    columns: tuple[str, str]
    rows: tuple[WalletRow, ...]
