"""Where a customer pays an invoice by themselves."""

from invoices.models import Invoice


def pay_link(invoice: Invoice) -> str | None:
    """
    Return the address at which an invoice can be paid, or None where it cannot be paid online.

    This is the one place that pages ask; whatever takes payments answers here.
    """
    return None
