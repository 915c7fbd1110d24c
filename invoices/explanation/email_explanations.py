"""The explanations of invoices in emails."""

from collections.abc import Sequence

from invoices.explanation.explanation import explanation_locale
from invoices.explanation.reader import explain_invoices
from invoices.models import Invoice


def read_email_explanations(readers: Sequence[tuple[int, str]]) -> dict[tuple[int, str], str]:
    """
    Return (invoice id, name of the reader's locale) → the explanation, where there is one (EMAIL_EXPLANATIONS).
    """
    invoices = list(Invoice.objects.filter(pk__in={invoice_id for invoice_id, _ in readers}))
    locales = {reader: explanation_locale(reader[1]) for reader in readers}
    explanations = explain_invoices(invoices, {(reader[0], locale) for reader, locale in locales.items()})
    return {
        reader: explanations[reader[0], locale].text
        for reader, locale in locales.items()
        if (reader[0], locale) in explanations
    }
