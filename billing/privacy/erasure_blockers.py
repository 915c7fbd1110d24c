"""Why a customer cannot be forgotten yet, and what to do about it."""

from collections.abc import Iterator

from django.db.models import F, Q

from billing.models import Period, Subscription
from billing.models.periods import PeriodState
from billing.models.subscriptions import SubscriptionState
from customers.models import Customer
from invoices.models import CustomerBalance, Invoice, PaymentAttempt, Refund
from invoices.models.payment_attempts import AttemptState
from lib.formats import format_money
from wallets.models import Purchase, Wallet
from wallets.models.purchases import PurchaseState


def find_erasure_blockers(customer: Customer) -> list[str]:
    """
    Return, in sentences, what stands against erasing a customer: nothing may run, be due or be left.

    Of a sandbox customer nothing does, since nobody owes anything there.
    """
    return [] if customer.sandbox else [*_running(customer), *_owed(customer), *_kept(customer), *_prepaid(customer)]


def _running(customer: Customer) -> Iterator[str]:
    running = Subscription.objects.filter(customer=customer).exclude(state=SubscriptionState.ENDED)
    for one in running.order_by("pk"):
        what = "Discard it" if one.state == SubscriptionState.DRAFT else "End it, and let its last invoice be issued"
        yield f"The subscription {one.external_id} is {one.get_state_display()}. {what} first."
    periods = Period.objects.filter(subscription__customer=customer)
    if periods.filter(Q(state=PeriodState.OPEN) | Q(late_since__isnull=False)).exists():
        yield "Some of its usage is not billed yet. Close its periods first."


def _owed(customer: Customer) -> Iterator[str]:
    claimed = Invoice.objects.filter(customer=customer, kind="invoice").exclude(state__in=("paid", "void"))
    for one in claimed.filter(Q(state="draft") | Q(total__gt=F("credited") + F("paid"))).order_by("pk"):
        if one.state == "draft":
            yield "An invoice is still a draft. Issue or discard it first."
        else:
            yield f"{format_money(one.due, str(one.currency))} of {one.number} is due. Have it paid, or credit it, first."


def _kept(customer: Customer) -> Iterator[str]:
    """Say what of their money is on its way, or still theirs."""
    attempts = PaymentAttempt.objects.filter(invoice__customer=customer), Refund.objects.filter(customer=customer)
    if any(one.filter(state=AttemptState.PENDING).exists() for one in attempts):
        yield "A charge or a refund is under way. Wait until it is settled, or settle it by hand, first."
    for one in CustomerBalance.objects.filter(customer=customer, amount__gt=0).order_by("currency"):
        yield f"{format_money(one.amount, str(one.currency))} of its balance is left. Pay it out, or set it off, first."


def _prepaid(customer: Customer) -> Iterator[str]:
    wallets = Wallet.objects.filter(customer=customer, closed_at__isnull=True).exclude(balance=0, debt_held=0)
    for one in wallets.order_by("pk"):
        yield f"The wallet {one.name} holds {one.balance.normalize():f} {one.unit}. Refund or void that first."
    if Purchase.objects.filter(wallet__customer=customer, state=PurchaseState.PENDING).exists():
        yield "A purchase waits for its payment. Have it paid, or cancel it, first."
