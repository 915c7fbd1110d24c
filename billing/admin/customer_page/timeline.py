"""What happened to a customer and what is to come, in one list: documents, money, subscriptions, limits, wallets."""

from collections.abc import Collection, Iterable, Iterator
from datetime import datetime
from typing import Any

from django.db.models import QuerySet
from django.utils.translation import gettext as _

from billing.models import Alert, Period, Redemption, ScheduledChange, Subscription
from billing.models.periods import PeriodState
from billing.models.plan_changes import ChangeState
from customers.models import Customer
from invoices.models import DocumentKind, DunningAct, Invoice, Payment, PaymentAttempt, Refund
from invoices.models.payment_attempts import AttemptState
from lib.admin.timeline import MOST, Timeline, TimelineEntry, make_timeline
from lib.formats import format_money
from wallets.models import Lot
from wallets.statements.formats import shown


def read_timeline(customer: Customer, *, at: datetime, seller_ids: Collection[int] | None = None) -> Timeline:
    """
    Return a customer's timeline as of a time, by a fixed number of queries.

    seller_ids: only events at these sellers; None for all.
    """
    sources = _Sources(customer, seller_ids)
    return make_timeline(past=sources.past(), to_come=sources.to_come(), at=at)


class _Sources:
    def __init__(self, customer: Customer, seller_ids: Collection[int] | None) -> None:
        self.customer = customer
        self.of_sellers = {} if seller_ids is None else {"seller__in": seller_ids}
        self.concerns_all = seller_ids is None

    def past(self) -> Iterator[TimelineEntry]:
        yield from self._invoices()
        yield from self._payments()
        yield from self._declined_attempts()
        yield from self._dunning()
        yield from self._subscriptions()
        yield from self._applied_changes()
        yield from self._grants()
        if self.concerns_all:
            yield from self._refunds()
            yield from self._alerts()
            yield from self._coupons()

    def to_come(self) -> Iterator[TimelineEntry]:
        yield from self._scheduled_changes()
        yield from self._open_periods()
        yield from self._endings()
        yield from self._expiries()

    def _of(self, rows: QuerySet[Any], owner: str = "", *related: str) -> Iterable[Any]:
        """Return the newest rows of the customer; owner: the lookup to the row that has customer and seller."""
        start = f"{owner}__" if owner else ""
        conditions = {f"{start}{name}": value for name, value in self.of_sellers.items()}
        matching = rows.filter(**{f"{start}customer": self.customer}, **conditions)
        return (
            matching.select_related(*related).order_by("-pk")[:MOST] if related else matching.order_by("-pk")[:MOST]
        )

    # The past ----------------------------------------------------------------------------------------------------

    def _invoices(self) -> Iterator[TimelineEntry]:
        for invoice in self._of(Invoice.objects.exclude(issued_at=None)):
            amount = format_money(invoice.total.amount, str(invoice.currency))
            is_credit = invoice.kind == DocumentKind.CREDIT_NOTE
            text = _("Credit note %(number)s, %(amount)s") if is_credit else _("Invoice %(number)s, %(amount)s")
            yield TimelineEntry(
                invoice.issued_at,
                "receipt_long",
                text % {"number": invoice, "amount": amount},
                invoice,
                invoice.reason,
            )

    def _payments(self) -> Iterator[TimelineEntry]:
        for payment in self._of(Payment.objects.all(), "invoice", "invoice"):
            amount = format_money(payment.amount, str(payment.currency))
            values = {"amount": amount, "number": payment.invoice}
            text = _("Paid %(amount)s of %(number)s") % values
            note = f"{payment.get_method_display()}, {payment.reference}"
            yield TimelineEntry(payment.paid_at, "account_balance", text, payment.invoice, note)

    def _declined_attempts(self) -> Iterator[TimelineEntry]:
        declined = PaymentAttempt.objects.filter(state=AttemptState.DECLINED)
        for attempt in self._of(declined, "invoice", "invoice"):
            text = _("Payment of %(number)s declined") % {"number": attempt.invoice}
            yield TimelineEntry(
                attempt.settled_at or attempt.created_at, "credit_card_off", text, attempt, attempt.reason
            )

    def _refunds(self) -> Iterator[TimelineEntry]:
        for refund in self._of(Refund.objects.all()):
            text = _("Refund of %(amount)s") % {"amount": format_money(refund.amount, str(refund.currency))}
            yield TimelineEntry(refund.created_at, "currency_exchange", text, refund, refund.get_state_display())

    def _dunning(self) -> Iterator[TimelineEntry]:
        for act in self._of(DunningAct.objects.all(), "invoice", "invoice"):
            text = f"{act.get_action_display()}: {act.invoice}"
            yield TimelineEntry(act.at, "mail", text[:1].upper() + text[1:], act.invoice, act.outcome)

    def _subscriptions(self) -> Iterator[TimelineEntry]:
        for subscription in self._of(Subscription.objects.all(), "", "version__plan"):
            name = {"version": subscription.version}
            text = _("Subscription to %(version)s started") % name
            yield TimelineEntry(subscription.starts_at, "autorenew", text, subscription)
            if subscription.canceled_at is not None:
                text = _("Subscription to %(version)s canceled") % name
                yield TimelineEntry(subscription.canceled_at, "event_busy", text, subscription)

    def _applied_changes(self) -> Iterator[TimelineEntry]:
        done = ScheduledChange.objects.filter(state=ChangeState.DONE)
        for change in self._of(done, "subscription", "version__plan", "from_version__plan"):
            versions = {"former": change.from_version, "version": change.version}
            yield TimelineEntry(change.moment, "moving", _("From %(former)s to %(version)s") % versions, change)

    def _grants(self) -> Iterator[TimelineEntry]:
        for lot in self._of(Lot.objects.all(), "wallet", "wallet"):
            text = _("%(amount)s granted") % {"amount": shown(lot.amount, lot.wallet.unit)}
            yield TimelineEntry(lot.granted_at, "account_balance_wallet", text, lot, lot.get_kind_display())

    def _alerts(self) -> Iterator[TimelineEntry]:
        alerts = Alert.objects.filter(customer=self.customer).worst().select_related("alert_rule")
        for alert in alerts.order_by("-pk")[:MOST]:
            text = _("Alert: %(kind)s") % {"kind": alert.alert_rule.get_kind_display()}
            yield TimelineEntry(alert.fired_at, "notifications", text, alert)

    def _coupons(self) -> Iterator[TimelineEntry]:
        for redemption in self._of(Redemption.objects.all(), "", "coupon"):
            text = _("Coupon %(code)s given") % {"code": redemption.coupon.code}
            yield TimelineEntry(redemption.since, "confirmation_number", text, redemption)

    # To come ------------------------------------------------------------------------------------------------------

    def _scheduled_changes(self) -> Iterator[TimelineEntry]:
        pending = ScheduledChange.objects.filter(state=ChangeState.PENDING)
        for change in self._of(pending, "subscription", "version__plan"):
            yield TimelineEntry(
                change.moment, "moving", _("Moves to %(version)s") % {"version": change.version}, change
            )

    def _open_periods(self) -> Iterator[TimelineEntry]:
        open_periods = Period.objects.filter(state=PeriodState.OPEN)
        for period in self._of(open_periods, "subscription", "subscription__version__plan"):
            text = _("Invoice for %(version)s") % {"version": period.subscription.version}
            yield TimelineEntry(period.due_at, "receipt_long", text, period)

    def _endings(self) -> Iterator[TimelineEntry]:
        for subscription in self._of(Subscription.objects.exclude(ends_at=None), "", "version__plan"):
            text = _("Subscription to %(version)s ends") % {"version": subscription.version}
            yield TimelineEntry(subscription.ends_at, "event_busy", text, subscription)

    def _expiries(self) -> Iterator[TimelineEntry]:
        lots = Lot.objects.filter(has_left=True).exclude(expires_at=None)
        for lot in self._of(lots, "wallet", "wallet"):
            text = _("%(amount)s expires") % {"amount": shown(lot.remaining, lot.wallet.unit)}
            yield TimelineEntry(lot.expires_at, "hourglass_bottom", text, lot)
