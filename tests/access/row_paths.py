"""The row and the parameters of each address in these tests."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any
from uuid import UUID

from django.contrib.auth.models import User
from django.contrib.contenttypes.models import ContentType
from django.db.models import Model

from access.models import ApprovalRequest, SavedView
from billing.models import (
    AlertRule,
    ExportBatch,
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
from customers.brand.logos import read_logo, store_logo
from customers.brand.palette import style_name
from customers.models import (
    ApiKey,
    Contact,
    Customer,
    Delivery,
    PortalSession,
    Seller,
    TestClock,
    WebhookEndpoint,
)
from customers.portal_auth import magic_links
from customers.portal_auth.embed_tokens import create_embed_token
from invoices.documents.signed_links import create_link
from invoices.models import (
    BankLine,
    BankStatement,
    Invoice,
    Line,
    MerchantAccount,
    MonthLock,
    Payment,
    PaymentAttempt,
    PaymentMethod,
    Refund,
)
from plans.models import Feature, Meter, PlanFeature, PlanVersion
from tests.access.actors import NOW
from tests.access.routes import ASKED_FOR, Route
from tests.customers.pictures import picture
from wallets.models import Lot, Purchase, TopUpRule, Wallet

Found = tuple[dict[str, Any], Model | None]
"""The parameters of an address, and the row that it is about."""


def _finder(**find: Callable[[str], Model | Any]) -> Callable[[Route, str], Found]:
    """
    Return a finder whose parameters are the numbers of these rows; the first row is the one that the address is
    about.
    """

    def find_row(route: Route, word: str) -> Found:
        rows = {name: get(word) for name, get in find.items()}
        about = next((row for row in rows.values() if isinstance(row, Model)), None)
        return {name: row.pk if isinstance(row, Model) else row for name, row in rows.items()}, about

    return find_row


def _request(word: str) -> ApprovalRequest:
    return ApprovalRequest.objects.get(customer__external_id=word)


def _invoice(word: str) -> Invoice:
    usage_invoices = Invoice.objects.filter(customer__external_id=word, lines__kind="usage")
    return usage_invoices.distinct().latest("pk")


def _payment(word: str) -> Payment:
    """Return a payment that has a receipt."""
    return Payment.objects.filter(invoice__customer__external_id=word, method="manual", reverses=None).earliest("pk")


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


def _term_finder(model: type[Model]) -> Callable[[Route, str], Found]:
    """Return a finder of a row that belongs to a subscription, such as an override."""

    def find_row(route: Route, word: str) -> Found:
        row = model._default_manager.filter(subscription__sandbox=False).earliest("pk")
        return {"subscription": row.subscription.external_id, "number": row.pk}, row

    return find_row


def _redemption(route: Route, word: str) -> Found:
    row = Redemption.objects.filter(subscription__sandbox=False, ended_at=None).earliest("pk")
    return {"subscription": row.subscription.external_id, "coupon": row.coupon.code}, row


def _customer_redemption(route: Route, word: str) -> Found:
    row = Redemption.objects.filter(customer__sandbox=False, ended_at=None).earliest("pk")
    return {"customer": row.customer.external_id, "coupon": row.coupon.code}, row


def _customer_parameter(route: Route, word: str) -> Found:
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


def _delivery_parameters(route: Route, word: str) -> Found:
    row = Delivery.objects.filter(endpoint__sandbox=False).earliest("pk")
    return {"webhook": row.endpoint_id, "number": row.pk}, row


def _version_parameters(route: Route, word: str) -> Found:
    row = PlanVersion.objects.published().earliest("pk")
    return {"plan": row.plan.code, "number": row.number}, row


def _month_of_sellers(route: Route, word: str) -> Found:
    values, row = _month(route, word)
    return values | {ASKED_FOR: f"seller={values['seller_id']}"}, row


def _month(route: Route, word: str) -> Found:
    return {"seller_id": MonthLock.objects.earliest("pk").seller_id, "month": "2026-03"}, None


def _embed_token(word: str) -> tuple[PortalSession, str]:
    owner = Customer.objects.get(external_id=word, sandbox=False)
    return create_embed_token(
        customer=owner, pages=["usage", "balance", "portal"], lifetime=timedelta(hours=1), at=NOW
    )


def _embedded(route: Route, word: str) -> Found:
    """Return the secret of a token of embedded pages. Anyone who has it may look."""
    return {"token": _embed_token(word)[1], "path": "usage"}, None


def _stored_token(route: Route, word: str) -> Found:
    token, _secret = _embed_token(word)
    return {"customer": word, "number": token.pk}, token


def _portal_secret(route: Route, word: str) -> Found:
    """Return the secret of a portal link. Anyone who has it may use it."""
    return {
        "secret": magic_links.create_link(customer=Customer.objects.get(external_id=word), way="staff", at=NOW)[1]
    }, None


def _brand_files(route: Route, word: str) -> Found:
    """Return the names of a style sheet and of a stored logo."""
    return {"name": style_name("#1f3a5f"), "sha256": store_logo(read_logo(picture("PNG"))).sha256}, None


def _file_link(route: Route, word: str) -> Found:
    """Return a link to an invoice's PDF. Anyone who has it may read the file."""
    return {"token": create_link(_invoice(word), at=NOW).split("/")[-1].removesuffix(".pdf")}, None


def _offer(route: Route, word: str) -> Found:
    """Return a feature of a draft that a price can be added to."""
    row = PlanFeature.objects.filter(version__state="draft").earliest("pk")
    return {ASKED_FOR: f"plan_feature={row.pk}"}, row


def _job(kind: str) -> Callable[[str], Model]:
    return lambda word: Job.objects.filter(kind=kind).earliest("pk")


def _sold(route: Route, word: str) -> Found:
    return {"pk": Seller.objects.earliest("pk").pk}, Seller.objects.earliest("pk")


PLACES: dict[str, Callable[[Route, str], Found]] = {
    # prefix of the address             finder
    "pay/stripe/events/": _finder(account=lambda word: MerchantAccount.objects.earliest("pk")),
    "api/v1/sellers/": lambda route, word: ({"seller": "acme"}, Seller.objects.get(code="acme")),
    "admin/account/": lambda route, word: ({"pk": 999_999, "provider_id": "sso", "uidb36": "1", "key": "a-b"}, None),
    "embed/": _embedded,
    "pricing/": lambda route, word: ({"seller": "acme"}, None),
    "portal/enter/": _portal_secret,
    "portal/brand/": _brand_files,
    "portal/people/<number>": _finder(number=_colleague),
    "portal/invoices/<number>/lines/": _finder(number=_invoice, position=lambda word: _line(word).position),
    "portal/invoices/<number>/receipts/": _finder(
        number=lambda word: _payment(word).invoice, payment=lambda word: _payment(word).pk
    ),
    "portal/payment-methods/<number>/": _finder(number=_of(PaymentMethod, "account__customer__external_id")),
    "portal/invoices/": _finder(number=_invoice),
    "portal/wallets/<number>/statements/": _statement,
    "portal/wallets/": _finder(number=_wallet),
    "portal/limits/budgets/": _finder(number=_budget),
    "portal/limits/caps/": _finder(
        number=lambda word: SpendCap.objects.get(customer__external_id=word, subscription=None)
    ),
    "portal/plan/": _finder(number=_subscription),
    "api/v1/invoices/<invoice>/lines/": _finder(invoice=_invoice, position=lambda word: _line(word).position),
    "api/v1/invoices/<invoice>/payments/<payment>/": _finder(
        invoice=lambda word: _payment(word).invoice, payment=lambda word: _payment(word).pk
    ),
    "api/v1/invoices/": _finder(invoice=_invoice),
    "api/v1/credit-notes/": _finder(credit_note=_live(Invoice, "sandbox", kind="credit_note")),
    "api/v1/test-clocks/": _finder(clock=lambda word: TestClock.objects.earliest("pk")),
    "api/v1/reservations/": _finder(number=_live(Reservation, "customer__sandbox")),
    "api/v1/meters/": _finder(meter=lambda word: Meter.objects.get(code=f"{word}.calls").code),
    "api/v1/alert-rules/": _finder(number=_budget),
    "api/v1/revenue/batches/": _finder(number=lambda word: ExportBatch.objects.earliest("pk"), file=lambda word: 1),
    "api/v1/revenue/<": lambda route, word: ({"report": "income", ASKED_FOR: "seller=acme"}, None),
    "api/v1/jobs/": _finder(number=_job("usage_import")),
    "api/v1/simulations/": _finder(number=_job("simulation")),
    "api/v1/migrations/": _finder(number=_live(PlanMigration, "sandbox")),
    "api/v1/subscriptions/<subscription>/overrides/<": _term_finder(Override),
    "api/v1/subscriptions/<subscription>/commitments/<": _term_finder(SubscriptionCommitment),
    "api/v1/subscriptions/<subscription>/coupons/<": _redemption,
    "api/v1/customers/<customer>/coupons/<": _customer_redemption,
    "api/v1/subscriptions/<subscription>/spend-caps/<": _cap,
    "api/v1/subscriptions/<subscription>/quantities/": _seats,
    "api/v1/subscriptions/": _on_subscription,
    "api/v1/customers/<customer>/spend-caps/<": _cap,
    "api/v1/customers/<customer>/contacts/<": _contact,
    "api/v1/customers/<customer>/embed-tokens/<": _stored_token,
    "api/v1/customers/<customer>/payment-methods/<": _payment_method,
    "api/v1/customers/<customer>/payment-methods": _payer,
    "api/v1/customers/<customer>/balances": _payer,
    "api/v1/customers/": _customer_parameter,
    "api/v1/wallets/<wallet>/topup": _finder(wallet=_topped_up),
    "api/v1/wallets/": _finder(wallet=_wallet),
    "api/v1/lots/": _finder(lot=_of(Lot, "wallet__customer__external_id")),
    "api/v1/purchases/": _finder(purchase=_of(Purchase, "wallet__customer__external_id")),
    "api/v1/keys/": _finder(number=_live(ApiKey, "sandbox", scopes=["manage"])),
    "api/v1/webhooks/<webhook>/deliveries/<": _delivery_parameters,
    "api/v1/webhooks/": _finder(webhook=_endpoint),
    "api/v1/coupons/": _finder(coupon=lambda word: "WELCOME"),
    "api/v1/features/": _finder(feature=lambda word: Feature.objects.get(code=f"{word}.calls").code),
    "api/v1/packs/": _finder(pack=lambda word: f"pack-{word[0]}"),
    "api/v1/plans/<plan>/versions/": _version_parameters,
    "api/v1/plans/": _finder(plan=lambda word: f"plan-{word[0]}"),
    "admin/changes/": lambda route, word: ({"kind": "csv"} if "<kind>" in route.path else {}, None),
    "api/v1/approval-requests/": _finder(number=_request),
    "api/v1/bank-statements/": _finder(statement=lambda word: BankStatement.objects.earliest("pk")),
    "api/v1/bank-lines/": _finder(line=lambda word: BankLine.objects.filter(state="review").earliest("pk")),
    "api/v1/refunds/": _finder(refund=_live(Refund, "customer__sandbox")),
    "admin/r/": _finder(
        content_type_id=lambda word: ContentType.objects.get_for_model(Customer).pk,
        row=lambda word: Customer.objects.earliest("pk"),
    ),
    "admin/auth/user/<id>/": _finder(id=lambda word: User.objects.earliest("pk").pk),
    "admin/wallets/purchase/buy/": _finder(wallet_id=_wallet),
    "admin/plans/price/add/": _offer,
    "admin/customers/seller/<pk>/": _sold,
    "admin/customers/seller/revenue/mrr/customers/": lambda route, word: ({ASKED_FOR: f"month={NOW:%Y-%m}"}, None),
    "admin/customers/seller/revenue/mrr/movements/": lambda route, word: ({ASKED_FOR: f"month={NOW:%Y-%m}"}, None),
    "admin/customers/testclock/<clock_id>/": _finder(
        clock_id=lambda word: TestClock.objects.earliest("pk"), how=lambda word: "stay"
    ),
    "admin/billing/exportbatch/<batch_id>/": _finder(
        batch_id=lambda word: ExportBatch.objects.earliest("pk"), number=lambda word: 1
    ),
    "admin/billing/posting/reports/<": _finder(code=lambda word: "income", file_format=lambda word: "csv"),
    "admin/billing/event/line/": _finder(line_id=_line),
    "admin/billing/job/<job_id>/print/": _finder(job_id=_job("close_run")),
    "admin/billing/job/<job_id>/files/": _finder(job_id=_job("rendering"), part=lambda word: 1),
    **{f"admin/billing/job/<{kind}>/": _finder(**{kind: _job(kind)}) for kind in JobKind.values},
    "admin/billing/job/<job_id>/": _finder(job_id=_job("usage_import")),
    "admin/billing/simulationresult/<job_id>/": _finder(job_id=_job("simulation")),
    "admin/billing/planmigration/<number>/": _finder(number=lambda word: PlanMigration.objects.earliest("pk")),
    "admin/invoices/monthlock/month-end/<month>/lock/": _month_of_sellers,
    "admin/invoices/monthlock/month-end/<": _month,
    "admin/invoices/invoice/<row>/receipts/": _finder(
        row=lambda word: _payment(word).invoice, payment=lambda word: _payment(word).pk
    ),
    "admin/invoices/invoice/<pk>/": _finder(pk=_invoice),
    "admin/views/<": _finder(view_id=lambda word: SavedView.objects.get(is_shared=True)),
    "admin/help/": _finder(name=lambda word: "payments"),
    "admin/<app>/": _finder(app=lambda word: "billing"),
    "admin/<anything>": _finder(anything=lambda word: "nowhere/"),
    "problems/": _finder(name=lambda word: "not-found"),
    "invoices/<token>": _file_link,
    "pay/sandbox/": _finder(key=_page_to_pay),
}
