"""The sentences of an invoice's first page: its total as the sum of its parts."""

from invoices.explanation.explanation import explain
from invoices.explanation.reader import read_explained
from invoices.models import Invoice
from lib.locales import document_locale


def read_summary(invoice: Invoice) -> str:
    """
    Return an invoice's explanation by its own rows, in its buyer's language (INVOICE_SUMMARY); empty without one.

    It makes no comparison: a file is made once, and the former invoice may be voided later.
    """
    facts = read_explained(invoice)
    if facts is None:
        return ""
    locale = document_locale(str(invoice.buyer_facts.get("locale") or ""))
    return explain(facts, None, locale=locale).text
