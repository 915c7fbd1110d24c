"""The details of invoices in emails, as of their sending (the setting EMAIL_DETAILS)."""

from collections.abc import Mapping, Sequence
from datetime import timedelta
from zoneinfo import ZoneInfo

from customers.notifications.announcement import Facts
from customers.notifications.email_preparation import EmailRequest
from invoices.documents.calendar_months import month_bounds, month_of
from invoices.models import DocumentKind, DunningStep, Invoice, PaymentAttempt
from invoices.models.dunning import DunningAction
from lib.decimals import to_plain_string

STOPPING = (DunningAction.PAUSE, DunningAction.CANCEL)
"""Dunning actions of which a customer is warned."""

PAYABLE_KINDS = frozenset(
    {"invoice.issued", "invoice.overdue", "invoice.reminder", "invoice.resent", "payment.succeeded"}
)
TRANSFER_KINDS = PAYABLE_KINDS - {"payment.succeeded"}


def read_details(requests: Sequence[EmailRequest]) -> list[Facts]:
    """Return for each email what it says about its invoice and its payment, in three queries."""
    invoices = Invoice.objects.in_bulk({_id(request, "invoice") for request in requests if _has_invoice(request)})
    attempts = PaymentAttempt.objects.select_related("payment_method").in_bulk(
        {_id(request, "charge") for request in requests if request.facts.get("charge")}
    )
    sellers = {invoice.seller_id for invoice in invoices.values()}
    steps: dict[int, list[DunningStep]] = {}
    if any(request.kind == "invoice.reminder" for request in requests):
        for step in DunningStep.objects.filter(seller__in=sellers).order_by("days", "pk"):
            steps.setdefault(step.seller_id, []).append(step)
    return [
        _details(request, invoices.get(_id(request, "invoice")), attempts.get(_id(request, "charge")), steps)
        for request in requests
    ]


def _details(
    request: EmailRequest,
    invoice: Invoice | None,
    attempt: PaymentAttempt | None,
    steps: Mapping[int, Sequence[DunningStep]],
) -> Facts:
    about_payment = _about_payment(attempt) if attempt else {}
    if invoice is None:
        return about_payment
    return {**_about_invoice(request.kind, invoice), **about_payment, **_about_reminder(request, invoice, steps)}


def _id(request: EmailRequest, name: str) -> int:
    return int(request.facts.get(name) or 0)


def _has_invoice(request: EmailRequest) -> bool:
    return request.kind in PAYABLE_KINDS and bool(request.facts.get("invoice"))


def _about_invoice(kind: str, invoice: Invoice) -> Facts:
    seller = invoice.seller_facts
    if invoice.kind == DocumentKind.CREDIT_NOTE:
        return {}
    details: dict[str, str | int | None] = {"due": to_plain_string(invoice.due), "currency": str(invoice.currency)}
    details |= {"purchase_order": invoice.purchase_order or None, "period": _month(invoice)}
    if not invoice.due:
        details["is_settled"] = "yes"
    elif kind in TRANSFER_KINDS and seller.get("iban"):
        details |= {
            "account_holder": str(seller.get("account_holder") or seller.get("legal_name") or ""),
            "iban": str(seller["iban"]),
            "bic": str(seller.get("bic") or "") or None,
            "reference": invoice.number,
        }
    return details


def _month(invoice: Invoice) -> str | None:
    """Return the first day of the calendar month that an invoice covers; None if it covers another span."""
    zone = ZoneInfo(str(invoice.buyer_facts.get("time_zone") or "UTC"))
    month = month_of(invoice.period_start.astimezone(zone).date())
    is_month = (invoice.period_start, invoice.period_end) == month_bounds(month, zone)
    return month.isoformat() if is_month else None


def _about_payment(attempt: PaymentAttempt) -> Facts:
    method = attempt.payment_method
    return {"method": method.label if method is not None else None, "decline": attempt.code or None}


def _about_reminder(request: EmailRequest, invoice: Invoice, steps: Mapping[int, Sequence[DunningStep]]) -> Facts:
    """Return which reminder it is, and of the last one before the service stops, when that happens."""
    if request.kind != "invoice.reminder" or invoice.due_date is None:
        return {}
    days, own_steps = int(request.facts.get("days") or 0), steps.get(invoice.seller_id, ())
    reminders = [step.days for step in own_steps if step.action == DunningAction.REMIND]
    stop = next((step for step in own_steps if step.action in STOPPING and step.days > days), None)
    if stop is not None and not any(days < each <= stop.days for each in reminders):
        stops_on = invoice.due_date + timedelta(days=stop.days)
        return {
            "reminder": "final",
            "next_action": str(stop.action),
            "next_on": stops_on.isoformat(),
            "pay_by": (stops_on - timedelta(days=1)).isoformat(),
        }
    return {"reminder": "first" if days <= min(reminders, default=0) else "further"}
