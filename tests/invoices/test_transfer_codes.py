"""A reader of QR codes finds the transfer in the drawing, as EPC069-12 lays it out."""

import re
from decimal import Decimal

import pytest
import zxingcpp
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from invoices.payments.transfer_codes import draw_transfer_code

FACTS = {
    "holder": "Lumenfold Ümläut GmbH",
    "iban": "DE89370400440532013000",
    "bic": "COBADEFFXXX",
    "amount": Decimal("1234.5"),
    "currency": "EUR",
    "reference": "EU-000042",
}


def read(code):
    """Draw the code at eight pixels a module, and read it."""
    image = Image.new("L", (code.size, code.size), 255)
    for x, y in re.findall(r"M(\d+) (\d+)h1v1h-1z", code.path):
        image.putpixel((int(x), int(y)), 0)
    (found,) = zxingcpp.read_barcodes(image.resize((code.size * 8, code.size * 8), Image.Resampling.NEAREST))
    return found


def test_a_reader_finds_the_transfer():
    found = read(draw_transfer_code(**FACTS))
    assert found.text.split("\n") == [
        *("BCD", "002", "1", "SCT", "COBADEFFXXX", "Lumenfold Ümläut GmbH", "DE89370400440532013000", "EUR1234.50"),
        *("", "", "EU-000042"),
    ]
    assert found.ec_level == "M"


@given(
    holder=st.text(st.characters(codec="utf-8", exclude_categories=["C", "Z"]), min_size=1, max_size=90),
    cents=st.integers(1, 99_999_999_999),
    reference=st.from_regex(r"[A-Z]{2}-[0-9]{6}", fullmatch=True),
)
def test_every_amount_and_name_is_read_back(holder, cents, reference):
    code = draw_transfer_code(**FACTS | {"holder": holder, "amount": Decimal(cents) / 100, "reference": reference})
    lines = read(code).text.split("\n")
    assert (lines[5], Decimal(lines[7].removeprefix("EUR")), lines[10]) == (
        holder[:70],
        Decimal(cents) / 100,
        reference,
    )


@pytest.mark.parametrize(
    "change", [{"currency": "USD"}, {"iban": ""}, {"amount": Decimal(0)}, {"amount": Decimal("1000000000")}]
)
def test_other_transfers_have_no_code(change):
    assert draw_transfer_code(**FACTS | change) is None
