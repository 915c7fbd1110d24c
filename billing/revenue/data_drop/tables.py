"""
The dropped tables that we store: their columns, their rows, and which of them can still change.

A table is cut into ranges of ids, each of which is a part. So a part depends on nothing but its rows.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from django.db.models import Model, Q

from billing.models import (
    BilledUsage,
    ExportBatch,
    Period,
    Subscription,
    SubscriptionQuantity,
)
from billing.revenue.data_drop.columns import DropColumn, read_columns
from billing.revenue.data_drop.plan import DropPlan
from customers.models import Customer, ExchangeRate, Seller
from invoices.models import (
    BalanceEntry,
    Discount,
    Invoice,
    InvoiceTax,
    Line,
    MonthLock,
    Payment,
    Refund,
    WriteOff,
)
from invoices.models.invoices import InvoiceState
from plans.models import (
    Coupon,
    CreditPack,
    Feature,
    Fee,
    Meter,
    Plan,
    PlanFeature,
    PlanVersion,
    Price,
    Rate,
    Tier,
)
from wallets.models import Entry, Lot, Purchase, Transaction, Wallet

IDS_PER_PART = 100_000
"""Ids of a range: a part of invoice lines has some 10 MB, and takes a second to read."""


_ALL = Q()


@dataclass(frozen=True, slots=True)
class StoredTable:
    """
    A table of which each row has an id.

    columns: the first one is the key. live: the rows that are dropped. seller: the path of their seller; empty if all
    sellers share them. of_seller: the condition for a seller's rows, where a path does not say it.
    is_append_only: whether a row never changes. open_rows: rows that may still become live, or are still edited.
    numbered: the model whose sequence gives the keys.
    """

    name: str
    model: type[Model]
    columns: tuple[DropColumn, ...]
    live: Q = _ALL
    seller: str = ""
    of_seller: Callable[[int], Q] | None = None
    is_append_only: bool = False
    open_rows: Q | None = None
    numbered: type[Model] | None = None

    @property
    def key(self) -> str:
        return self.columns[0].name

    @property
    def sequence(self) -> str:
        """The table whose sequence numbers the rows."""
        return (self.numbered or self.model)._meta.db_table

    def sections(self, plan: DropPlan) -> Sequence[str]:
        return ("",)

    def last_number(self, plan: DropPlan, section: str) -> int:
        return plan.last_keys[self.sequence] // IDS_PER_PART

    def statement(self, plan: DropPlan, section: str, number: int) -> tuple[str, Any]:
        rows = self._rows(number).filter(self.live)
        if plan.seller_id is not None:
            rows = rows.filter(self._of_seller(plan.seller_id))
        query = rows.order_by(self.key).values_list(*(column.path for column in self.columns)).query
        statement: tuple[str, Any] = query.sql_with_params()
        return statement

    def is_final(self, plan: DropPlan, section: str, number: int) -> bool:
        """
        Return whether no row of a range can change any more, nor appear in it; to be asked before it is read.

        Its last number was drawn before the drop before, and every transaction of that time has ended by now. So rows
        that commit late, below others that are visible, are not lost: decision 31.
        """
        if not self.is_append_only or not plan.is_settled(self.sequence, (number + 1) * IDS_PER_PART - 1):
            return False
        return self.open_rows is None or not self._rows(number).filter(self.open_rows).exists()

    def _rows(self, number: int) -> Any:
        first = number * IDS_PER_PART
        keys = {f"{self.key}__gte": first, f"{self.key}__lt": first + IDS_PER_PART}
        return self.model._default_manager.filter(**keys)

    def _of_seller(self, seller_id: int) -> Q:
        if self.of_seller is not None:
            return self.of_seller(seller_id)
        return Q(**{self.seller: seller_id}) if self.seller else Q()


def _customers_of(seller_id: int) -> Q:
    """Return the condition for customers of a seller, and for those that it has billed or subscribed."""
    subscribed = Subscription.objects.filter(seller=seller_id).values("customer")
    billed = Invoice.objects.filter(seller=seller_id).values("customer")
    return Q(seller=seller_id) | Q(pk__in=subscribed) | Q(pk__in=billed)


def _table(
    name: str,
    model: type[Model],
    columns: str,
    *,
    paths: dict[str, str] | None = None,
    **facts: Any,
) -> StoredTable:
    return StoredTable(name, model, read_columns(model, columns, **(paths or {})), **facts)


_ISSUED = ~Q(invoice__state=InvoiceState.DRAFT) & Q(invoice__sandbox=False)
# Lines and taxes are frozen with their invoice.
_OF_INVOICES: dict[str, Any] = {
    "live": _ISSUED,
    "seller": "invoice__seller",
    "is_append_only": True,
    "open_rows": Q(invoice__state=InvoiceState.DRAFT),
}
_OF_WALLETS: dict[str, Any] = {"live": Q(wallet__customer__sandbox=False), "seller": "wallet__seller"}
_OF_SUBSCRIPTIONS: dict[str, Any] = {"live": Q(subscription__sandbox=False), "seller": "subscription__seller"}

CATALOG: tuple[StoredTable, ...] = (
    _table("plans", Plan, "id code name created_at"),
    _table(
        "plan_versions",
        PlanVersion,
        "id plan_id number state interval_unit interval_count anchor proration trial_days prices_include_tax"
        " effective_from effective_to published_at",
    ),
    _table("meters", Meter, "id code name event_name aggregation unit"),
    _table("features", Feature, "id code name kind meter_id"),
    _table("plan_features", PlanFeature, "id version_id feature_id consumption included static_value"),
    _table("prices", Price, "id plan_feature_id currency minimum maximum"),
    _table(
        "rates",
        Rate,
        "id price_id position label match model unit_price package_size percent fixed_fee",
        paths={"currency": "price__currency"},
    ),
    _table(
        "tiers",
        Tier,
        "id rate_id up_to unit_price percent flat_fee maximum",
        paths={"currency": "rate__price__currency"},
    ),
    _table("fees", Fee, "id version_id code kind label currency amount basis included least most every"),
    _table("coupons", Coupon, "id code name percent amount currency duration periods archived_at"),
    _table("credit_packs", CreditPack, "id code name unit units archived_at"),
    _table("exchange_rates", ExchangeRate, "id source day currency rate recorded_at", is_append_only=True),
)

PARTIES: tuple[StoredTable, ...] = (
    _table(
        "sellers",
        Seller,
        "id code legal_name country currency time_zone",
        of_seller=lambda seller_id: Q(pk=seller_id),
    ),
    _table(
        "customers",
        Customer,
        "id external_id legal_name country currency time_zone seller_id accounting_group created_at erased_at",
        live=Q(sandbox=False),
        of_seller=_customers_of,
    ),
    _table(
        "subscriptions",
        Subscription,
        "id external_id customer_id seller_id version_id currency state starts_at anchor_at trial_ends_at ends_at"
        " canceled_at created_at",
        live=Q(sandbox=False),
        seller="seller",
    ),
    _table(
        "subscription_quantities",
        SubscriptionQuantity,
        "id subscription_id fee_code quantity since recorded_at",
        is_append_only=True,
        **_OF_SUBSCRIPTIONS,
    ),
    _table(
        "periods",
        Period,
        "id subscription_id version_id kind state is_trial starts_at ends_at closed_at invoice_id",
        **_OF_SUBSCRIPTIONS,
    ),
)

DOCUMENTS: tuple[StoredTable, ...] = (
    _table(
        "invoices",
        Invoice,
        "id kind number seller_id customer_id state issued_at issue_date due_date period_start period_end currency"
        " net tax total credited paid returned corrects_id",
        live=~Q(state=InvoiceState.DRAFT) & Q(sandbox=False),
        seller="seller",
    ),
    _table(
        "lines",
        Line,
        "id invoice_id position kind description plan_feature_id rate_id fee_id corrects_line_id service_start"
        " service_end quantity unit currency amount tax_rate",
        **_OF_INVOICES,
    ),
    _table("invoice_taxes", InvoiceTax, "id invoice_id name rate currency taxable amount", **_OF_INVOICES),
    _table(
        "discounts",
        Discount,
        "id invoice_id coupon_line_id line_id amount",
        paths={"currency": "invoice__currency"},
        **_OF_INVOICES,
    ),
    _table(
        "billed_usage",
        BilledUsage,
        "line_id period_id plan_feature_id rate_id window_start corrects_line_id events quantity metered",
        live=Q(line__invoice__sandbox=False),
        seller="line__invoice__seller",
        is_append_only=True,
        numbered=Line,
    ),
    _table(
        "payments",
        Payment,
        "id invoice_id currency amount method paid_at reverses_id created_at",
        live=Q(invoice__sandbox=False),
        seller="invoice__seller",
        is_append_only=True,
    ),
    _table(
        "refunds",
        Refund,
        "id customer_id seller_id note_id currency amount state created_at settled_at",
        live=Q(customer__sandbox=False),
        seller="seller",
    ),
    _table(
        "balance_entries",
        BalanceEntry,
        "id customer_id seller_id currency kind amount document_id at",
        live=Q(customer__sandbox=False),
        seller="seller",
        is_append_only=True,
    ),
    _table(
        "write_offs",
        WriteOff,
        "id invoice_id amount tax at",
        paths={"currency": "invoice__currency"},
        live=Q(invoice__sandbox=False),
        seller="invoice__seller",
        is_append_only=True,
    ),
)

WALLETS: tuple[StoredTable, ...] = (
    _table(
        "wallets",
        Wallet,
        "id customer_id seller_id unit currency balance debt created_at closed_at",
        live=Q(customer__sandbox=False),
        seller="seller",
    ),
    _table(
        "lots",
        Lot,
        "id wallet_id kind amount remaining held expired cost valid_from expires_at granted_at",
        paths={"unit": "wallet__unit", "currency": "wallet__currency"},
        **_OF_WALLETS,
    ),
    _table(
        "wallet_transactions",
        Transaction,
        "id wallet_id kind at used_at feature_id units balance_after",
        paths={"unit": "wallet__unit", "currency": "wallet__currency"},
        is_append_only=True,
        **_OF_WALLETS,
    ),
    _table(
        "wallet_entries",
        Entry,
        "id transaction_id wallet_id account lot_id units money",
        paths={"unit": "wallet__unit", "currency": "wallet__currency"},
        is_append_only=True,
        **_OF_WALLETS,
    ),
    _table(
        "purchases",
        Purchase,
        "id wallet_id pack_id quantity units bonus currency net invoice_id state created_at granted_at",
        **_OF_WALLETS,
    ),
)

BOOKS: tuple[StoredTable, ...] = (
    _table(
        "month_locks",
        MonthLock,
        "id seller_id month locked_at ends_at frozen_at unlocked_at postings",
        seller="seller",
    ),
    _table(
        "accounting_batches",
        ExportBatch,
        "id seller_id month target currency state label first_number entries predecessor_id sha256 made_at"
        " imported_at",
        seller="seller",
    ),
)

STORED: tuple[StoredTable, ...] = (*PARTIES, *CATALOG, *DOCUMENTS, *WALLETS, *BOOKS)


def sequences(tables: Iterable[StoredTable] = STORED) -> list[str]:
    """Return the tables whose sequences number the rows, each once."""
    return sorted({table.sequence for table in tables})
