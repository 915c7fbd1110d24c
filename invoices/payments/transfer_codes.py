"""
The QR code from which a bank's app fills in a transfer: EPC069-12, version 2.1, “Quick Response Code: Guidelines to
Enable Data Capture for the Initiation of a SEPA Credit Transfer”.
"""

from dataclasses import dataclass
from decimal import Decimal

import segno

CURRENCY = "EUR"
MIN_AMOUNT, MAX_AMOUNT = Decimal("0.01"), Decimal("999999999.99")
MAX_HOLDER = 70
MAX_REFERENCE = 140


@dataclass(frozen=True, slots=True)
class TransferCode:
    """
    A code as a drawing. size: modules of a side, with the margin of four that readers need. path: SVG data of the
    dark modules, one unit each.
    """

    size: int
    path: str


def draw_transfer_code(
    *, holder: str, iban: str, bic: str, amount: Decimal, currency: str, reference: str
) -> TransferCode | None:
    """
    Return the code of a transfer; None where the standard has none: other currencies, no account, no amount.

    holder: of the account; cut to 70 characters. iban: without spaces. bic: may be empty. reference: printed on the
    payee's statement, at most 140 characters.
    """
    if currency != CURRENCY or not iban or not MIN_AMOUNT <= amount <= MAX_AMOUNT:
        return None
    fields = [
        *("BCD", "002", "1", "SCT"),  # service tag, version, UTF-8, SEPA credit transfer
        *(bic, holder[:MAX_HOLDER], iban, f"{CURRENCY}{amount:.2f}"),
        *("", "", reference[:MAX_REFERENCE]),  # no purpose, no creditor reference: the reference as text
    ]
    # The standard requires error correction M and a version of 13 at most, which 331 bytes never exceed.
    code = segno.make_qr("\n".join(fields), error="m", encoding="utf-8", boost_error=False)
    margin = 4
    rows = enumerate(code.matrix, margin)
    path = "".join(f"M{x} {y}h1v1h-1z" for y, row in rows for x, dark in enumerate(row, margin) if dark)
    return TransferCode(len(code.matrix) + 2 * margin, path)
