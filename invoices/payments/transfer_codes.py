"""
The QR code from which a bank's app fills in a transfer: EPC069-12, version 2.1, “Quick Response Code: Guidelines to
Enable Data Capture for the Initiation of a SEPA Credit Transfer”.
"""

import io
from dataclasses import dataclass
from decimal import Decimal

import segno

CURRENCY = "EUR"
MIN_AMOUNT, MAX_AMOUNT = Decimal("0.01"), Decimal("999999999.99")
MAX_HOLDER = 70
MAX_REFERENCE = 140
MARGIN = 4
"""Modules of white on each side, which readers need."""

PIXELS = 6
"""Pixels of a module on a side, in a picture."""


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
    code = _make_code(holder, iban, bic, amount, currency, reference)
    if code is None:
        return None
    rows = enumerate(code.matrix, MARGIN)
    path = "".join(f"M{x} {y}h1v1h-1z" for y, row in rows for x, dark in enumerate(row, MARGIN) if dark)
    return TransferCode(len(code.matrix) + 2 * MARGIN, path)


def picture_of_transfer(*, holder: str, iban: str, bic: str, amount: Decimal, currency: str, reference: str) -> bytes:
    """
    Return the code of a transfer as a PNG, empty where the standard has none; the arguments of `draw_transfer_code`.

    A picture is typeset in a fifth of the time that a path takes.
    """
    code = _make_code(holder, iban, bic, amount, currency, reference)
    if code is None:
        return b""
    picture = io.BytesIO()
    code.save(picture, kind="png", scale=PIXELS, border=0)
    return picture.getvalue()


def _make_code(
    holder: str, iban: str, bic: str, amount: Decimal, currency: str, reference: str
) -> segno.QRCode | None:
    if currency != CURRENCY or not iban or not MIN_AMOUNT <= amount <= MAX_AMOUNT:
        return None
    fields = [
        *("BCD", "002", "1", "SCT"),  # service tag, version, UTF-8, SEPA credit transfer
        *(bic, holder[:MAX_HOLDER], iban, f"{CURRENCY}{amount:.2f}"),
        *("", "", reference[:MAX_REFERENCE]),  # no purpose, no creditor reference: the reference as text
    ]
    # The standard requires error correction M and a version of 13 at most, which 331 bytes never exceed.
    return segno.make_qr("\n".join(fields), error="m", encoding="utf-8", boost_error=False)
