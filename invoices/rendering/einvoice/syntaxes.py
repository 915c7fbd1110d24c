"""The syntaxes of EN 16931, by name, and a stored document in them."""

from collections.abc import Callable

from invoices.models import Invoice
from invoices.rendering.einvoice.cii import to_cii
from invoices.rendering.einvoice.conversion import shape
from invoices.rendering.einvoice.model import EInvoice
from invoices.rendering.einvoice.ubl import to_ubl
from invoices.rendering.facts_reader import read

SYNTAXES: dict[str, Callable[[EInvoice], bytes]] = {"cii": to_cii, "ubl": to_ubl}


def to_xml(invoice: Invoice, *, syntax: str) -> bytes:
    """
    Return an issued document as data, from its own rows.

    :raises NotAnInvoice: if the standard cannot tell it.
    """
    return SYNTAXES[syntax](shape(read(invoice)))
