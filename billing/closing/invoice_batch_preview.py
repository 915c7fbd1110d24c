"""The effect of a batch on selected invoices: how many, for how much, and which are left out, in a few queries."""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal

from django.utils.translation import gettext_lazy as _

from billing.models.jobs import JobKind
from customers.models import Contact
from invoices.models import DocumentKind, Invoice, PaymentAttempt, PaymentMethod
from invoices.models.invoices import OPEN_INVOICES
from invoices.models.payment_attempts import AttemptState
from invoices.payments.manual_payments import PAYABLE
from lib.decimals import EXACT, ZERO
from lib.translation import Text


@dataclass(frozen=True, slots=True)
class BatchPreview:
    """
    The effect of a batch as of now; each invoice is checked once more when its turn comes.

    invoices: those that it applies to. sums: their amounts by currency. skipped: reason → number of the others.
    """

    invoices: list[Invoice]
    sums: dict[str, Decimal]
    skipped: dict[Text, int]


def preview_batch(kind: JobKind, invoices: Sequence[Invoice]) -> BatchPreview:
    """Return the effect of a kind in `INVOICE_BATCHES` on these invoices."""
    obstacle_of = _OBSTACLES[kind](invoices)
    chosen: list[Invoice] = []
    skipped: Counter[Text] = Counter()
    sums: dict[str, Decimal] = {}
    for invoice in invoices:
        if reason := obstacle_of(invoice):
            skipped[reason] += 1
            continue
        chosen.append(invoice)
        currency = str(invoice.currency)
        amount = invoice.total.amount if kind == JobKind.INVOICE_EMAILS else invoice.due
        sums[currency] = EXACT.add(sums.get(currency, ZERO), amount)
    return BatchPreview(chosen, dict(sorted(sums.items())), dict(skipped))


_Obstacle = Callable[[Invoice], Text]
"""Returns why a batch leaves an invoice out; empty if it doesn't."""


def _find_email_obstacles(invoices: Sequence[Invoice]) -> _Obstacle:
    customers = {invoice.customer_id for invoice in invoices}
    reached = set(Contact.objects.filter(customer__in=customers, billing=True).values_list("customer", flat=True))

    def obstacle(invoice: Invoice) -> Text:
        if invoice.number is None:
            return _("draft")
        if invoice.sandbox:
            return _("of a sandbox customer, who receives no email")
        return "" if invoice.customer_id in reached else _("no contact who receives invoices")

    return obstacle


def _find_charge_obstacles(invoices: Sequence[Invoice]) -> _Obstacle:
    customers = {invoice.customer_id for invoice in invoices}
    methods = PaymentMethod.objects.filter(account__customer__in=customers, is_default=True)
    chargeable = set(methods.values_list("account__customer", "account__seller"))
    ids = [invoice.pk for invoice in invoices]
    pending = PaymentAttempt.objects.filter(invoice__in=ids, state=AttemptState.PENDING)
    in_progress = set(pending.values_list("invoice", flat=True))

    def obstacle(invoice: Invoice) -> Text:
        if invoice.kind != DocumentKind.INVOICE or invoice.state not in PAYABLE or not invoice.due:
            return _("nothing due")
        if invoice.pk in in_progress:
            return _("a payment is in progress")
        has_method = (invoice.customer_id, invoice.seller_id) in chargeable
        return "" if has_method else _("no card or bank account stored")

    return obstacle


def _find_write_off_obstacles(invoices: Sequence[Invoice]) -> _Obstacle:
    def obstacle(invoice: Invoice) -> Text:
        is_open = invoice.kind == DocumentKind.INVOICE and invoice.state in OPEN_INVOICES and invoice.due
        return "" if is_open else _("nothing to write off")

    return obstacle


_OBSTACLES: dict[JobKind, Callable[[Sequence[Invoice]], _Obstacle]] = {
    JobKind.INVOICE_EMAILS: _find_email_obstacles,
    JobKind.INVOICE_CHARGES: _find_charge_obstacles,
    JobKind.WRITE_OFFS: _find_write_off_obstacles,
}


def skipped_texts(preview: BatchPreview) -> Iterator[tuple[int, str]]:
    """Yield the number and the reason of invoices that are left out, the most frequent reason first."""
    for reason, count in sorted(preview.skipped.items(), key=lambda item: -item[1]):
        yield count, str(reason)
