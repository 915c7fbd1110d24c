"""The syntaxes of EN 16931, by name, and conversion of a stored invoice."""

from collections.abc import Callable

from invoices.models import Invoice
from invoices.rendering.einvoice.conversion import to_einvoice
from invoices.rendering.einvoice.model import EInvoice
from invoices.rendering.einvoice.xml_writer import to_cii, to_ubl
from invoices.rendering.facts_reader import read_invoice_facts

SYNTAXES: dict[str, Callable[[EInvoice], bytes]] = {"cii": to_cii, "ubl": to_ubl}


def to_xml(invoice: Invoice, *, syntax: str) -> bytes:
    """
    Return an issued invoice as XML, from its own rows.

    :raises EInvoiceImpossible: if the standard can't express it.
    """
    return SYNTAXES[syntax](to_einvoice(read_invoice_facts(invoice)))
