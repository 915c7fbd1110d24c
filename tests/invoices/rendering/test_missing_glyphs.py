"""An invoice is printed to the letter; a character without a font stops the rendering and is named."""

from dataclasses import replace

import pytest

from invoices.rendering.pdf_file import MissingFont, render
from invoices.rendering.usage_facts import DimensionUsage
from tests.invoices.rendering.pdf_reader import text_of
from tests.invoices.rendering.samples import BUYER, D, fee, invoice, meter_usage

UNASSIGNED = "\U000e0080\u0378"  # no font has a shape for these, on any machine


def test_a_name_that_cannot_be_printed_stops_the_rendering_and_is_named():
    facts = invoice(fee("19.00"), buyer=replace(BUYER, legal_name=f"Tokyo {UNASSIGNED} Ltd"))
    with pytest.raises(MissingFont) as error:
        render(facts)
    assert f"used in “Tokyo {UNASSIGNED} Ltd”" in str(error.value)
    assert "U+0378" in str(error.value)
    assert "Install a font" in str(error.value)


def test_the_next_rendering_succeeds():
    with pytest.raises(MissingFont):
        render(invoice(fee("19.00", UNASSIGNED)))
    assert "€22.61" in text_of(render(invoice(fee("19.00"))))


def test_a_value_in_the_appendix_is_spelled_out_instead():
    """Any event may contain such a value, and no customer may block their own invoice with it."""
    usage = meter_usage(dimensions=(DimensionUsage("key", ((f"a{UNASSIGNED[1]}b", D(7)),)),))
    assert "a[U+0378]b 7" in text_of(render(invoice(fee("19.00")), [usage]))


SCRIPTS = [
    "Łódź Ünïcödé Ελληνικά Кириллица Việt",
    "שלום עולם",
    "شركة النور",
    "नमस्ते दुनिया",
    "สวัสดีชาวโลก",
    "Հայերեն",
    "ქართული",
]


@pytest.mark.parametrize("name", SCRIPTS)
def test_scripts_whose_fonts_are_packaged_are_printed_on_any_machine(name):
    assert render(invoice(fee("19.00"), buyer=replace(BUYER, legal_name=name)))


CONTROLS = [
    ("a\x00b\x07c\x7fd\x9fe", "abcde", "control characters have no shape"),
    ("pay \u202e00.1\u202c now", "pay 00.1 now", "a reversed amount would read as another one"),
    ("zero\u200bwidth joi\u200dner", "zerowidth joiner", "invisible characters need no glyph"),
]


@pytest.mark.parametrize(("name", "printed", "why"), CONTROLS)
def test_invisible_characters_change_nothing(name, printed, why):
    printed_text = text_of(render(invoice(fee("19.00", name)))).replace("\u200b", "").replace("\u200d", "")
    assert printed in printed_text, why
