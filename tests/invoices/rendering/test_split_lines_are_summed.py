"""A file with more than 100 lines of split prices prints their sums and attaches all lines as a table."""

import csv
import io
from dataclasses import replace
from decimal import Decimal

import pytest

from invoices.rendering.einvoice.conversion import to_einvoice
from invoices.rendering.facts_reader import TooManyLines
from invoices.rendering.invoice_facts import InvoiceFacts, LineFacts
from invoices.rendering.line_list import summarize
from invoices.rendering.pdf_file import render
from tests.invoices.rendering.einvoice.sample_invoices import document
from tests.invoices.rendering.pdf_reader import reader, text_of
from tests.invoices.rendering.samples import fee

D = Decimal


def keyed(number: int, name: str = "Calls", suffix: str = "") -> LineFacts:
    value = f"key {number}"
    explanation = {"quantity": "2", "included": "0", "billable": "2", "refused": "0", "parts": [], "value": value}
    return replace(
        fee("0.20", f"{name}: {value}{suffix}"), kind="usage", quantity=D(2), unit="call", explanation=explanation
    )


def invoice(count: int, **fields: object) -> InvoiceFacts:
    return document(fee("9.00"), *(keyed(number) for number in range(count)), **fields)


def test_up_to_100_lines_are_all_printed():
    facts = invoice(100)
    assert summarize(facts) == (facts, None)
    assert "INV-000042-lines.csv" not in reader(render(facts)).attachments


def test_more_lines_are_one_line_and_a_table():
    content = render(invoice(150))
    text = text_of(content)
    assert "Calls: 150 lines, listed in the attached table" in text
    assert "key 3" not in text
    assert "300 calls" in text
    [table] = reader(content).attachments["INV-000042-lines.csv"]
    rows = list(csv.DictReader(io.StringIO(table.decode())))
    assert len(rows) == 151
    assert (rows[7]["description"], rows[7]["quantity"], rows[7]["amount"]) == ("Calls: key 6", "2", "0.2")
    assert render(invoice(150)) == content


def test_each_price_and_kind_of_line_has_its_sum():
    facts = document(
        fee("9.00"),
        *(keyed(number) for number in range(60)),
        *(keyed(number, "Tokens") for number in range(50)),
        *(keyed(number, suffix=" (late)") for number in range(5)),
    )
    printed, _ = summarize(facts)
    assert [(line.description, line.amount) for line in printed.lines] == [
        (facts.lines[0].description, D(9)),
        ("Calls: 60 lines, listed in the attached table", D(12)),
        ("Tokens: 50 lines, listed in the attached table", D(10)),
        ("Calls (late): 5 lines, listed in the attached table", D(1)),
    ]
    assert sum(line.amount for line in printed.lines) == sum(line.amount for line in facts.lines)


def test_the_sum_is_named_in_the_customers_language():
    printed, _ = summarize(replace(invoice(1_500), locale="de-DE"))
    assert printed.lines[1].description == "Calls: 1.500 Positionen, siehe beigefügte Tabelle"


def test_the_e_invoice_has_every_line():
    assert len(to_einvoice(invoice(150)).lines) == 151


def test_too_many_other_lines_are_refused():
    with pytest.raises(TooManyLines, match="more than 2,000 lines"):
        render(document(*(fee("1.00", f"Fee {number}") for number in range(2_001))))
