"""What happened to an invoice and what comes next: emails, reminders, charges, payments, corrections and notes."""

from collections.abc import Iterator
from datetime import datetime, time, timedelta
from zoneinfo import ZoneInfo

from django.db.models import Prefetch
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from customers.models import Delivery, Notification
from invoices.models import DocumentKind, DunningStep, Invoice, Refund, WriteOff
from invoices.models.dunning import DunningAction
from invoices.models.invoices import OPEN_INVOICES
from invoices.models.payment_attempts import AttemptState
from lib.admin.timeline import MOST, Timeline, TimelineEntry, make_timeline
from lib.formats import format_money

EMAIL_TEXTS = {
    "invoice.issued": gettext_lazy("Emailed to the customer"),
    "invoice.resent": gettext_lazy("Sent again"),
    "invoice.explained": gettext_lazy("Explanation sent"),
    "invoice.overdue": gettext_lazy("Notice of the missed due date"),
    "invoice.paid": gettext_lazy("Payment confirmed"),
}

REMINDER = "invoice.reminder"

PAST_STEPS = {
    DunningAction.REMIND: gettext_lazy("Reminder"),
    DunningAction.CHARGE: gettext_lazy("Payment retry"),
    DunningAction.PAUSE: gettext_lazy("Pause of the subscription"),
    DunningAction.CANCEL: gettext_lazy("Cancellation of the subscription"),
    DunningAction.WRITE_OFF: gettext_lazy("Write-off"),
}


def read_invoice_timeline(invoice: Invoice, *, at: datetime, shows_write_off: bool) -> Timeline:
    """
    Return the timeline of an invoice or credit note as of a time, by a fixed number of queries.

    shows_write_off: whether the reader may see write-offs.
    """
    sources = _Sources(invoice, at)
    past = [*sources.past(), *(sources.write_off() if shows_write_off else ())]
    return make_timeline(past=past, to_come=sources.to_come(), at=at)


class _Sources:
    def __init__(self, invoice: Invoice, at: datetime) -> None:
        self.invoice, self.at = invoice, at
        self.currency, self.zone = str(invoice.currency), ZoneInfo(invoice.seller.time_zone)
        self.is_open = invoice.state in OPEN_INVOICES and invoice.due > 0
        self.acts = list(invoice.dunning_acts.order_by("-pk")[:MOST])
        self.notices = self._read_notices()

    def past(self) -> Iterator[TimelineEntry]:
        yield from self._issue()
        yield from self._emails()
        yield from self._dunning()
        yield from self._attempts()
        yield from self._payments()
        yield from self._corrections()
        yield from self._refunds()
        yield from self._notes()
        if self.is_open and (due_at := self._due_at()) is not None:
            yield TimelineEntry(due_at, "warning", _("Due, not paid"), is_bad=True)

    def to_come(self) -> Iterator[TimelineEntry]:
        due_at = self._due_at()
        if not self.is_open or due_at is None:
            return
        yield TimelineEntry(due_at, "event", _("Payment is due"))
        yield from self._next_steps(due_at)

    # The past -------------------------------------------------------------------------------------------------

    def _issue(self) -> Iterator[TimelineEntry]:
        invoice = self.invoice
        if invoice.issued_at is None:
            yield TimelineEntry(invoice.created_at, "edit_note", _("Draft created"), shows_time=True)
            return
        text = _("Issued for %(amount)s") % {"amount": format_money(invoice.total.amount, self.currency)}
        yield TimelineEntry(
            invoice.issued_at, "receipt_long", text, invoice.corrects, invoice.reason, shows_time=True
        )

    def _read_notices(self) -> list[Notification]:
        deliveries = Delivery.objects.filter(target__startswith="contact:").select_related("contact").order_by("pk")
        notices = Notification.objects.filter(
            customer=self.invoice.customer_id, kind__in=[*EMAIL_TEXTS, REMINDER], facts__invoice=self.invoice.pk
        ).prefetch_related(Prefetch("deliveries", deliveries, to_attr="emails"))
        return list(notices.order_by("-pk")[:MOST])

    def _emails(self) -> Iterator[TimelineEntry]:
        for notice in self.notices:
            # Without an email, the event went to webhooks alone.
            if notice.kind != REMINDER and (note := _recipients(notice)):
                yield TimelineEntry(
                    notice.created_at, "mail", str(EMAIL_TEXTS[notice.kind]), note=note, shows_time=True
                )

    def _dunning(self) -> Iterator[TimelineEntry]:
        sent = {int(notice.facts["days"]): notice for notice in self.notices if notice.kind == REMINDER}
        for act in self.acts:
            days = ngettext("%(days)s day after the due date", "%(days)s days after the due date", act.days)
            email = sent.get(act.days) if act.action == DunningAction.REMIND else None
            parts = [days % {"days": act.days}, act.outcome, _recipients(email) if email else ""]
            text = str(PAST_STEPS[DunningAction(act.action)])
            yield TimelineEntry(act.at, "campaign", text, note=". ".join(filter(None, parts)))

    def _attempts(self) -> Iterator[TimelineEntry]:
        texts = {
            AttemptState.PENDING: _("Charge of %(amount)s is pending"),
            AttemptState.DECLINED: _("Charge of %(amount)s was declined"),
            AttemptState.CANCELED: _("Charge of %(amount)s was canceled"),
            AttemptState.SUCCEEDED: _("Charge of %(amount)s succeeded"),
        }
        for attempt in self.invoice.charges.select_related("payment_method").order_by("-pk")[:MOST]:
            text = texts[AttemptState(attempt.state)] % {"amount": format_money(attempt.amount, self.currency)}
            method = str(attempt.payment_method or _("payment page"))
            note = ". ".join(filter(None, [method, attempt.reason]))
            is_bad = attempt.state == AttemptState.DECLINED and self.is_open
            at = attempt.settled_at or attempt.created_at
            yield TimelineEntry(at, "credit_card", text, attempt, note, is_bad, shows_time=True)
            if attempt.disputed_at is not None:
                text = _("The customer's bank disputes the payment")
                yield TimelineEntry(attempt.disputed_at, "gavel", text, attempt, is_bad=True, shows_time=True)

    def _payments(self) -> Iterator[TimelineEntry]:
        for payment in self.invoice.payments.select_related("by").order_by("-pk")[:MOST]:
            amount = format_money(abs(payment.amount), self.currency)
            text = _("Paid %(amount)s") if payment.amount > 0 else _("Payment of %(amount)s reversed")
            by = _("recorded by %(name)s") % {"name": payment.by} if payment.by else ""
            note = ", ".join(filter(None, [payment.get_method_display(), payment.reference, payment.reason, by]))
            yield TimelineEntry(payment.paid_at, "account_balance", text % {"amount": amount}, note=note)

    def _corrections(self) -> Iterator[TimelineEntry]:
        for document in self.invoice.corrections.order_by("-pk")[:MOST]:
            if document.issued_at is None:
                continue
            is_note = document.kind == DocumentKind.CREDIT_NOTE
            text = _("Credit note %(number)s, %(amount)s") if is_note else _("Replaced by %(number)s, %(amount)s")
            amount = format_money(document.total.amount, self.currency)
            text %= {"number": document, "amount": amount}
            yield TimelineEntry(document.issued_at, "undo", text, document, document.reason, shows_time=True)

    def _refunds(self) -> Iterator[TimelineEntry]:
        of_note = {"note": self.invoice} if self.invoice.corrects_id else {"note__corrects": self.invoice}
        for refund in Refund.objects.filter(**of_note).order_by("-pk")[:MOST]:
            text = _("Refund of %(amount)s") % {"amount": format_money(refund.amount, self.currency)}
            yield TimelineEntry(refund.created_at, "currency_exchange", text, refund, refund.get_state_display())

    def _notes(self) -> Iterator[TimelineEntry]:
        for note in self.invoice.staff_notes.select_related("by").order_by("-pk")[:MOST]:
            text = _("Note by %(name)s") % {"name": note.by.get_full_name() or note.by}
            yield TimelineEntry(note.at, "chat", text, note=note.text, shows_time=True)

    def write_off(self) -> Iterator[TimelineEntry]:
        for row in WriteOff.objects.filter(invoice=self.invoice):
            text = _("Wrote off %(amount)s") % {"amount": format_money(row.amount, self.currency)}
            yield TimelineEntry(row.at, "money_off", text, note=row.reason, is_bad=True, shows_time=True)

    # To come ---------------------------------------------------------------------------------------------------

    def _due_at(self) -> datetime | None:
        """Return when the due date ends, where the seller is."""
        day = self.invoice.due_date
        return datetime.combine(day + timedelta(days=1), time(), self.zone) if day is not None else None

    def _next_steps(self, due_at: datetime) -> Iterator[TimelineEntry]:
        taken = {(act.days, act.action) for act in self.acts}
        held_until = self.invoice.customer.dunning_hold_until
        for step in DunningStep.objects.filter(seller=self.invoice.seller_id).order_by("days", "pk"):
            if (step.days, step.action) in taken:
                continue
            day = (due_at + timedelta(days=step.days - 1)).date()
            if held_until is not None:
                day = max(day, held_until)
            note = _("Paused until then for this customer") if day == held_until else _("If it is still unpaid")
            icon = "campaign" if step.action == DunningAction.REMIND else "schedule"
            text = _capitalized(step.get_action_display())
            yield TimelineEntry(datetime.combine(day, time(), self.zone), icon, text, note=note)


def _recipients(notice: Notification) -> str:
    """Return to whom an event was emailed, and what became of each email; empty without any."""
    return ", ".join(_recipient(delivery) for delivery in vars(notice)["emails"][:MOST])


def _recipient(delivery: Delivery) -> str:
    name = delivery.contact.email if delivery.contact else _("a former contact")
    return f"{name}: {delivery.get_state_display()}"


def _capitalized(text: str) -> str:
    return text[:1].upper() + text[1:]
