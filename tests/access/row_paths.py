"""Where the rows are that addresses are asked for, in the world of the tests."""

from collections.abc import Callable
from typing import Any
from uuid import UUID

from django.contrib.contenttypes.models import ContentType
from django.db.models import Model

from billing.models import (
    AlertRule,
    Job,
    Override,
    PlanMigration,
    Redemption,
    Reservation,
    SpendCap,
    Subscription,
    SubscriptionCommitment,
)
from billing.models.jobs import JobKind
from customers.models import (
    ApiKey,
    Contact,
    Customer,
    Delivery,
    Seller,
    TestClock,
    WebhookEndpoint,
)
from customers.portal_auth import magic_links
from invoices.documents.signed_links import create_link
from invoices.models import Invoice, Line, MonthLock, PaymentAttempt, PaymentMethod, Refund
from plans.models import Feature, Meter, PlanFeature, PlanVersion
from tests.access.routes import ASKED_FOR, Route
from tests.access.world import NOW
from wallets.models import Lot, Purchase, TopUpRule, Wallet

Found = tuple[dict[str, Any], Model | None]
"""The parameters of an address, and the row that it is about."""


def _one(**find: Callable[[str], Model | Any]) -> Callable[[Route, str], Found]:
    """Return a finder whose parameters are these rows, each by its number, and which is about the first of them."""

    def found(route: Route, word: str) -> Found:
        rows = {name: get(word) for name, get in find.items()}
        about = next((row for row in rows.values() if isinstance(row, Model)), None)
        return {name: row.pk if isinstance(row, Model) else row for name, row in rows.items()}, about

    return found


def _invoice(word: str) -> Invoice:
    own = Invoice.objects.filter(customer__external_id=word, lines__kind="usage")
    return own.distinct().latest("pk")


def _line(word: str) -> Line:
    return _invoice(word).lines.filter(kind="usage").earliest("pk")


def _subscription(word: str) -> Subscription:
    return Subscription.objects.get(customer__external_id=word, sandbox=False)


def _wallet(word: str) -> Wallet:
    return Wallet.objects.filter(customer__external_id=word).earliest("pk")


def _live(model: type[Model], path: str, **more: Any) -> Callable[[str], Model]:
    return lambda word: model._default_manager.filter(**{path: False}, **more).earliest("pk")


def _of(model: type[Model], path: str) -> Callable[[str], Model]:
    return lambda word: model._default_manager.filter(**{path: word}).earliest("pk")


def _agreed(model: type[Model]) -> Callable[[Route, str], Found]:
    """Find something that hangs on a subscription: it is about the agreement."""

    def found(route: Route, word: str) -> Found:
        row = model._default_manager.filter(subscription__sandbox=False).earliest("pk")
        return {"subscription": row.subscription.external_id, "number": row.pk}, row

    return found


def _redemption(route: Route, word: str) -> Found:
    row = Redemption.objects.filter(subscription__sandbox=False, ended_at=None).earliest("pk")
    return {"subscription": row.subscription.external_id, "coupon": row.coupon.code}, row


def _of_customer(route: Route, word: str) -> Found:
    customer = Customer.objects.get(external_id=word, sandbox=False)
    return {"customer": word}, customer


def _own_cap(word: str) -> SpendCap:
    return SpendCap.objects.filter(customer__external_id=word, subscription=None).earliest("pk")


def _colleague(word: str) -> Contact:
    return Contact.objects.filter(customer__external_id=word).latest("pk")


def _topped_up(word: str) -> Wallet:
    return TopUpRule.objects.get(wallet__customer__external_id=word).wallet


def _endpoint(word: str) -> WebhookEndpoint:
    return WebhookEndpoint.objects.not_removed().filter(sandbox=False).earliest("pk")


def _page_to_pay(word: str) -> UUID:
    return PaymentAttempt.objects.filter(provider="sandbox", payment_method=None).latest("pk").key


def _contact(route: Route, word: str) -> Found:
    row = _colleague(word)
    return {"customer": word, "number": row.pk}, row


def _payment_method(route: Route, word: str) -> Found:
    row = PaymentMethod.objects.filter(removed_at=None).earliest("pk")
    return {"customer": row.account.customer.external_id, "payment_method": row.pk}, row


def _payer(route: Route, word: str) -> Found:
    row = Customer.objects.get(external_id="payer")
    return {"customer": "payer"}, row


def _on_subscription(route: Route, word: str) -> Found:
    row = _subscription(word)
    return {"subscription": row.external_id}, row


def _seats(route: Route, word: str) -> Found:
    row = Subscription.objects.filter(sandbox=False, holdings__fee_code="seats").earliest("pk")
    return {"subscription": row.external_id, "fee": "seats"}, row


def _cap(route: Route, word: str) -> Found:
    if "<customer>" in route.path:
        row = _own_cap(word)
        return {"customer": word, "number": row.pk}, row
    row = SpendCap.objects.filter(subscription__sandbox=False).earliest("pk")
    return {"subscription": row.subscription.external_id, "number": row.pk}, row


def _budget(word: str) -> Model:
    return AlertRule.objects.filter(customer__external_id=word).earliest("pk")


def _statement(route: Route, word: str) -> Found:
    row = _wallet(word)
    return {"number": row.pk, "since": "2026-02-01", "until": "2026-02-10", "kind": "csv"}, row


def _of_delivery(route: Route, word: str) -> Found:
    row = Delivery.objects.filter(endpoint__sandbox=False).earliest("pk")
    return {"webhook": row.endpoint_id, "number": row.pk}, row


def _of_version(route: Route, word: str) -> Found:
    row = PlanVersion.objects.published().earliest("pk")
    return {"plan": row.plan.code, "number": row.number}, row


def _month(route: Route, word: str) -> Found:
    return {"seller_id": MonthLock.objects.earliest("pk").seller_id, "month": "2026-03"}, None


def _way_in(route: Route, word: str) -> Found:
    """Return the secret of a link into the portal, which anybody may use who has it."""
    return {
        "secret": magic_links.create_link(customer=Customer.objects.get(external_id=word), way="staff", at=NOW)[1]
    }, None


def _file_link(route: Route, word: str) -> Found:
    """Return a link to the file of an invoice, which anybody may read who has it."""
    return {"token": create_link(_invoice(word), at=NOW).split("/")[-1].removesuffix(".pdf")}, None


def _offer(route: Route, word: str) -> Found:
    """Return a feature of a draft, which a price is added to."""
    row = PlanFeature.objects.filter(version__state="draft").earliest("pk")
    return {ASKED_FOR: f"plan_feature={row.pk}"}, row


def _job(kind: str) -> Callable[[str], Model]:
    return lambda word: Job.objects.filter(kind=kind).earliest("pk")


def _sold(route: Route, word: str) -> Found:
    return {"pk": Seller.objects.earliest("pk").pk}, Seller.objects.earliest("pk")


PLACES: dict[str, Callable[[Route, str], Found]] = {
    # an address begins with            what stands there
    "portal/enter/": _way_in,
    "portal/details/contacts/": _one(number=_colleague),
    "portal/invoices/<number>/lines/": _one(number=_invoice, position=lambda word: _line(word).position),
    "portal/invoices/": _one(number=_invoice),
    "portal/wallets/<number>/statements/": _statement,
    "portal/wallets/": _one(number=_wallet),
    "portal/limits/budgets/": _one(number=_budget),
    "portal/limits/caps/": _one(
        number=lambda word: SpendCap.objects.get(customer__external_id=word, subscription=None)
    ),
    "portal/plan/": _one(number=_subscription),
    "api/v1/invoices/<invoice>/lines/": _one(invoice=_invoice, position=lambda word: _line(word).position),
    "api/v1/invoices/": _one(invoice=_invoice),
    "api/v1/credit-notes/": _one(credit_note=_live(Invoice, "sandbox", kind="credit_note")),
    "api/v1/test-clocks/": _one(clock=lambda word: TestClock.objects.earliest("pk")),
    "api/v1/reservations/": _one(number=_live(Reservation, "customer__sandbox")),
    "api/v1/meters/": _one(meter=lambda word: Meter.objects.get(code=f"{word}.calls").code),
    "api/v1/alert-rules/": _one(number=_budget),
    "api/v1/jobs/": _one(number=_job("usage_import")),
    "api/v1/simulations/": _one(number=_job("simulation")),
    "api/v1/migrations/": _one(number=_live(PlanMigration, "sandbox")),
    "api/v1/subscriptions/<subscription>/overrides/<": _agreed(Override),
    "api/v1/subscriptions/<subscription>/commitments/<": _agreed(SubscriptionCommitment),
    "api/v1/subscriptions/<subscription>/coupons/<": _redemption,
    "api/v1/subscriptions/<subscription>/spend-caps/<": _cap,
    "api/v1/subscriptions/<subscription>/quantities/": _seats,
    "api/v1/subscriptions/": _on_subscription,
    "api/v1/customers/<customer>/spend-caps/<": _cap,
    "api/v1/customers/<customer>/contacts/<": _contact,
    "api/v1/customers/<customer>/payment-methods/<": _payment_method,
    "api/v1/customers/<customer>/payment-methods": _payer,
    "api/v1/customers/<customer>/balances": _payer,
    "api/v1/customers/": _of_customer,
    "api/v1/wallets/<wallet>/topup": _one(wallet=_topped_up),
    "api/v1/wallets/": _one(wallet=_wallet),
    "api/v1/lots/": _one(lot=_of(Lot, "wallet__customer__external_id")),
    "api/v1/purchases/": _one(purchase=_of(Purchase, "wallet__customer__external_id")),
    "api/v1/keys/": _one(number=_live(ApiKey, "sandbox", scopes=["manage"])),
    "api/v1/webhooks/<webhook>/deliveries/<": _of_delivery,
    "api/v1/webhooks/": _one(webhook=_endpoint),
    "api/v1/coupons/": _one(coupon=lambda word: "WELCOME"),
    "api/v1/features/": _one(feature=lambda word: Feature.objects.get(code=f"{word}.calls").code),
    "api/v1/packs/": _one(pack=lambda word: f"pack-{word[0]}"),
    "api/v1/plans/<plan>/versions/": _of_version,
    "api/v1/plans/": _one(plan=lambda word: f"plan-{word[0]}"),
    "api/v1/refunds/": _one(refund=_live(Refund, "customer__sandbox")),
    "admin/r/": _one(
        content_type_id=lambda word: ContentType.objects.get_for_model(Customer).pk,
        row=lambda word: Customer.objects.earliest("pk"),
    ),
    "admin/auth/user/<id>/": _one(id=lambda word: 1),
    "admin/wallets/purchase/buy/": _one(wallet_id=_wallet),
    "admin/plans/price/add/": _offer,
    "admin/customers/seller/<pk>/": _sold,
    "admin/customers/testclock/<clock_id>/": _one(
        clock_id=lambda word: TestClock.objects.earliest("pk"), how=lambda word: "stay"
    ),
    "admin/billing/event/line/": _one(line_id=_line),
    "admin/billing/job/<job_id>/print/": _one(job_id=_job("close_run")),
    "admin/billing/job/<job_id>/files/": _one(job_id=_job("rendering"), part=lambda word: 1),
    **{f"admin/billing/job/<{kind}>/": _one(**{kind: _job(kind)}) for kind in JobKind.values},
    "admin/billing/job/<job_id>/": _one(job_id=_job("usage_import")),
    "admin/billing/simulationresult/<job_id>/": _one(job_id=_job("simulation")),
    "admin/billing/planmigration/<number>/": _one(number=lambda word: PlanMigration.objects.earliest("pk")),
    "admin/invoices/monthlock/month-end/<": _month,
    "admin/invoices/invoice/<pk>/": _one(pk=_invoice),
    "admin/<app>/": _one(app=lambda word: "billing"),
    "admin/<anything>": _one(anything=lambda word: "nowhere/"),
    "problems/": _one(name=lambda word: "not-found"),
    "invoices/<token>": _file_link,
    "pay/sandbox/": _one(key=_page_to_pay),
}
