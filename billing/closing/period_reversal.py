"""Credit a period's invoice in full, so that the period can be undone: docs/migration.md#rollback."""

from datetime import datetime

from django.db.models import Q
from django.utils.translation import gettext as _

from billing.closing.invoice_writer import write_invoice_rows
from billing.closing.late_usage.reissue import full_credit_note
from billing.closing.period_reader import read_late_periods
from billing.metering.store.events import read_high_water_mark
from billing.models import BilledUsage, Period, Settlement
from invoices.credit_notes import read_creditable_invoices
from invoices.documents.issue import issue
from invoices.models import Invoice, Line, Section
from invoices.models.invoices import LineKind

REASON = "The plan change that it bills was rolled back"


class ReversalRefused(ValueError):
    """The invoice can't be reversed; the text gives the reason and the remedy."""


def credit_period_invoice(period: Period, *, at: datetime) -> Invoice | None:
    """
    Credit the whole invoice of a closed period, and return the credit note; None if it has no invoice.

    The caller's transaction has locked the period. Grants and prepaid amounts are not considered here.

    :raises ReversalRefused: if part of the invoice is paid or credited, if it bills other periods as well, or if the
        period credited fees of an earlier invoice by a credit note.
    """
    if _has_fee_credits(period):
        raise ReversalRefused(_("Unused time was already credited. Change the plan instead."))
    if period.invoice_id is None:
        return None
    # The lock keeps payments and other credit notes away until the credit note is issued.
    original = read_creditable_invoices([period.invoice_id], lock=True).get(period.invoice_id)
    if original is None:
        raise ReversalRefused(_("%(invoice)s is not issued.") % {"invoice": period.invoice})
    _require_reversible(original.invoice, period)
    late_period = read_late_periods([period.pk])[period.pk]
    note = full_credit_note(original, late_period, reason=REASON)
    write_invoice_rows([note], high_water_mark=read_high_water_mark())
    # Not before the original: this worker's clock may be behind the one that issued it.
    issue([note.draft], at=max(at, original.invoice.issued_at or at))
    return Invoice.objects.get(pk=note.draft.id)


def _require_reversible(invoice: Invoice, period: Period) -> None:
    number = invoice.number
    if invoice.paid:
        raise ReversalRefused(
            _("%(number)s is paid in part or in full. Refund it, and change the plan back by hand.")
            % {"number": number}
        )
    if invoice.credited:
        raise ReversalRefused(_("%(number)s is credited in part. Change the plan back by hand.") % {"number": number})
    if Section.objects.filter(invoice=invoice).exists():
        raise ReversalRefused(
            _("%(number)s also bills other subscriptions. Credit it and change the plan back by hand.")
            % {"number": number}
        )
    others = BilledUsage.objects.filter(line__invoice=invoice).exclude(period=period)
    settled = Settlement.objects.filter(line__invoice=invoice).exclude(period=period)
    if others.exists() or settled.exists():
        raise ReversalRefused(
            _("%(number)s also bills late usage of an earlier period. Credit it by hand.") % {"number": number}
        )


def _has_fee_credits(period: Period) -> bool:
    """Return whether the close of a period credited fees that were billed in advance."""
    # A fee of one period starts with it; one of several periods started earlier, so the time of the close identifies
    # it.
    for_period = Q(corrects_line__service_start=period.starts_at)
    for_period |= Q(corrects_line__fee__every__gt=1, invoice__issued_at__gte=period.closed_at)
    earlier_periods = Period.objects.filter(subscription=period.subscription_id, ends_at__lte=period.starts_at)
    billed_earlier = Q(corrects_line__invoice__in=earlier_periods.exclude(invoice=None).values("invoice"))
    return Line.objects.filter(for_period, billed_earlier, kind=LineKind.FEE_CREDIT).exists()
