"""By its seller's choice a PDF embeds the invoice as XML too (Factur-X), as archives and readers expect."""

import re
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import facturx
import pytest

from customers.models.sellers import EInvoices
from invoices.models import Rendering
from invoices.rendering.einvoice.conversion import to_einvoice
from invoices.rendering.einvoice.xml_writer import to_cii
from invoices.rendering.invoice_facts import InvoiceFacts
from invoices.rendering.pdf_file import render
from invoices.rendering.renderer import RenderRun, render_due
from tests.customers.pictures import picture
from tests.invoices.rendering.einvoice.sample_invoices import DOCUMENTS, LOOK, NO_ONE, document
from tests.invoices.rendering.einvoice.standard_rules import errors_of
from tests.invoices.rendering.issued_invoices import store
from tests.invoices.rendering.pdf_reader import reader
from tests.invoices.rendering.samples import fee

NOW = datetime(2026, 11, 2, tzinfo=UTC)
IMPOSSIBLE = document(fee("9.00"), seller=NO_ONE)
FACTS, _ = DOCUMENTS["every charge model"]


@pytest.fixture(scope="module")
def printed() -> bytes:
    return render(FACTS)


def carried(content: bytes) -> dict[str, list[bytes]]:
    return dict(reader(content).attachments)


def choosing(e_invoices: str, facts: InvoiceFacts) -> InvoiceFacts:
    return replace(facts, branding=replace(facts.branding, e_invoices=e_invoices))


def test_the_xml_is_embedded_unchanged_and_is_valid(printed: bytes):
    (xml,) = carried(printed)["factur-x.xml"]
    assert xml == to_cii(to_einvoice(FACTS))
    assert errors_of(xml) == []


def test_another_reader_finds_it(printed: bytes):
    name, xml = facturx.get_xml_from_pdf(printed, check_xsd=False)
    assert (name, xml) == ("factur-x.xml", to_cii(to_einvoice(FACTS)))


def test_it_is_listed_once_as_an_alternative(printed: bytes):
    catalog = reader(printed).trailer["/Root"]
    (listed,) = (specification.get_object() for specification in catalog["/AF"])
    stream = listed["/EF"]["/F"].get_object()
    assert (listed["/AFRelationship"], listed["/UF"], stream["/Subtype"]) == (
        "/Alternative",
        "factur-x.xml",
        "/text/xml",
    )
    assert stream["/Params"]["/ModDate"] == "D:20261101010000Z", "the document's own date"


def test_the_metadata_is_one_block_with_the_xml(printed: bytes):
    catalog = reader(printed).trailer["/Root"]
    metadata = catalog["/Metadata"].get_data().decode()
    assert (metadata.count("<rdf:RDF"), metadata.count("</rdf:RDF>")) == (1, 1)
    properties = dict(re.findall(r"<fx:(\w+)>([^<]*)<", metadata))
    assert properties == {
        "DocumentType": "INVOICE",
        "DocumentFileName": "factur-x.xml",
        "Version": "1.0",
        "ConformanceLevel": "EN 16931",
    }
    assert set(properties) == set(re.findall(r"<pdfaProperty:name>(\w+)<", metadata)), "each property is declared"
    assert 'conformance="A"' in metadata


CHOICES: list[tuple[str, InvoiceFacts, bool]] = [
    ("never", FACTS, False),
    ("when_possible", FACTS, True),
    ("when_possible", IMPOSSIBLE, False),
    ("always", FACTS, True),
    ("always", replace(FACTS, state="draft", number="", issue_date=None, due_date=None), False),
]


@pytest.mark.parametrize(("chosen", "facts", "is_carried"), CHOICES)
def test_it_is_embedded_as_the_seller_chose(chosen: str, facts: InvoiceFacts, is_carried: bool):
    assert bool(carried(render(choosing(chosen, facts)))) == is_carried


def test_every_choice_is_tested():
    assert {chosen for chosen, _, _ in CHOICES} == set(EInvoices.values)


@pytest.mark.django_db
def test_an_invoice_that_can_not_embed_it_gets_no_file_and_a_reason(settings: Any):
    settings.INVOICE_USAGE = ""
    refused, plain = store(choosing("always", IMPOSSIBLE)), store(choosing("when_possible", IMPOSSIBLE))
    assert render_due(at=NOW) == RenderRun(rendered=1, failed=1)
    assert Rendering.objects.get(invoice=plain).content
    assert Rendering.objects.get(invoice=refused).error.startswith("The seller has no VAT ID or tax number.")


@pytest.mark.django_db
def test_a_file_rendered_again_is_equal_after_changes_of_the_seller(settings: Any):
    settings.INVOICE_USAGE = ""
    stored = store(replace(FACTS, branding=replace(LOOK, logo=picture("JPEG"))))
    render_due(at=NOW)
    first = bytes(Rendering.objects.get().content or b"")
    type(stored.seller).objects.update(logo=None, brand_color="#000000", iban="", notes="Other", e_invoices="never")
    Rendering.objects.all().delete()
    render_due(at=NOW)
    assert bytes(Rendering.objects.get().content or b"") == first
    assert reader(first).pages[0].images
