"""Take a period's document back as a whole, so that the period can be undone: docs/migration.md#rolling-back."""

from datetime import datetime

from django.db.models import Q

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
    """A document stays as it is; the text says why, and what a person can do."""


def credit_period_invoice(period: Period, *, at: datetime) -> Invoice | None:
    """
    Credit all that the document of a closed period claims, and return the credit note; None where it has no document.

    The caller's transaction holds the period. What it was granted or prepaid is not looked at here.

    :raises CannotTakeBack: if some of it is paid, or credited already; if it bills other periods as well, or its
        period gave back by a credit note what an earlier document claimed.
    """
    if _has_fee_credits(period):
        raise ReversalRefused("What was paid in advance was given back by a credit note: change its plan instead.")
    if period.invoice_id is None:
        return None
    of = read_creditable_invoices([period.invoice_id], lock=True).get(period.invoice_id)
    if of is None:
        raise ReversalRefused(f"{period.invoice} is not issued.")
    _require_reversible(of.invoice, period)
    (late,) = read_late_periods({0: [period.pk]})[0]
    note = full_credit_note(of, late, reason=REASON)
    write_invoice_rows([note], high_water_mark=read_high_water_mark())
    issue([note.draft], at=max(at, of.invoice.issued_at or at))
    return Invoice.objects.get(pk=note.draft.id)


def _require_reversible(invoice: Invoice, period: Period) -> None:
    number = invoice.number
    if invoice.paid:
        raise ReversalRefused(f"{number} is paid, or some of it: refund it, and change the plan back by hand.")
    if invoice.credited:
        raise ReversalRefused(f"Some of {number} is credited already: change the plan back by hand.")
    if Section.objects.filter(invoice=invoice).exists():
        raise ReversalRefused(
            f"{number} bills other subscriptions as well: credit it by hand, and change the plan back."
        )
    others = BilledUsage.objects.filter(line__invoice=invoice).exclude(period=period)
    settled = Settlement.objects.filter(line__invoice=invoice).exclude(period=period)
    if others.exists() or settled.exists():
        raise ReversalRefused(f"{number} bills late usage of an earlier period as well: credit it by hand.")


def _has_fee_credits(period: Period) -> bool:
    """Tell whether the close of a period has credited what was claimed of it in advance."""
    of_fees = Q(corrects_line__service_start=period.starts_at)
    of_fees |= Q(corrects_line__fee__every__gt=1, invoice__issued_at__gte=period.closed_at)
    before = Period.objects.filter(subscription=period.subscription_id, ends_at__lte=period.starts_at)
    claimed = Q(corrects_line__invoice__in=before.exclude(invoice=None).values("invoice"))
    return Line.objects.filter(of_fees, claimed, kind=LineKind.FEE_CREDIT).exists()
