"""The statements of wallets behind an invoice. Wallets fill them in: see docs/decisions/0007-usage-appendix.md."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class WalletRow:
    """A line as it is printed. note: what is told below it. is_sum: whether it is the opening or closing balance."""

    text: str
    amount: str
    note: str = ""
    is_sum: bool = False


@dataclass(frozen=True, slots=True)
class WalletStatement:
    """
    What came and went in one wallet in the invoice's period, in the words of its customer.

    heading, span: what it is of, and of which days. columns: what stands above the rows.
    """

    heading: str
    span: str
    columns: tuple[str, str]
    rows: tuple[WalletRow, ...]
