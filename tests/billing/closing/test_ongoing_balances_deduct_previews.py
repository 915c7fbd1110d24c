"""The ongoing balance of a wallet that pays invoices is its balance less everything owed, and usage as previewed."""

from decimal import Decimal

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from billing.closing import bill_reached_thresholds, close_due, preview
from billing.closing.uninvoiced_usage import read_uninvoiced_usage
from billing.subscriptions.plan_changes.plan_change import change_plan
from invoices.models import Invoice
from invoices.one_off_invoices import OneOffLine, OneOffRequest, draft_invoice
from tests.api.invoice_rows import make_invoice
from tests.builders import (
    FEB,
    JAN,
    fee,
    make_coupon,
    make_customer,
    make_pack,
    make_plan,
    make_tax,
    make_wallet,
    offer,
    publish,
    rate,
    subscribe,
    threshold,
    use,
)
from tests.docs_tables import rows
from wallets.auto_topup import TopUpRuleRefused, TopUpRuleRequest, run_topups, set_rule
from wallets.credit_rules.ongoing_balance import PayingWallet, ongoing_balances
from wallets.ledger.grant import Grant, grant
from wallets.ledger.ongoing_balance import read_ongoing_balances
from wallets.models import TopUp, TopUpRule, Wallet
from wallets.operations.invoice_payment import pay_invoices

D = Decimal
MID = JAN.replace(day=15)
CALLS = offer("api.calls", rates=[rate(1)], currency="EUR")
FEE = fee(20, billed="arrears", currency="EUR")


def fill(wallet, amount):
    grant(wallet_id=wallet.pk, grants=[Grant("purchased", D(amount), "pack", cost=D(amount))], at=JAN)


def subscribed(*, thresholds=(), fees=(FEE,), coupons=(), **customer_fields):
    customer = make_customer("acme", currency="EUR", **customer_fields)
    make_tax(10, seller=customer.seller)
    version = publish(make_plan(fees=fees, offers=[CALLS], thresholds=thresholds))
    return subscribe(customer, version, coupons=coupons)


def paying_wallets(customer, *balances):
    fields = {"unit": "EUR", "currency": "EUR", "pays_invoices": True}
    wallets = [make_wallet(customer, name=f"w{number}", **fields) for number, _ in enumerate(balances)]
    for wallet, balance in zip(wallets, balances, strict=True):
        fill(wallet, balance)
    return wallets


def ongoing(wallets, at=MID):
    balances = read_ongoing_balances(Wallet.objects.filter(pk__in=[wallet.pk for wallet in wallets]), at=at)
    return [balances[wallet.pk] for wallet in wallets]


@pytest.mark.django_db
@pytest.mark.parametrize("row", rows("wallets.md", "Ongoing balance"), ids=lambda row: row["why"])
def test_it_is_as_in_the_docs(row):
    early = D(row["invoiced at thresholds"] or 0)
    thresholds = [threshold(early, currency="EUR")] if early else []
    coupons = [make_coupon(percent=row["coupon"])] if row["coupon"] else []
    subscription = subscribed(thresholds=thresholds, coupons=coupons)
    balances = [D(balance) for balance in row["balances"].split(", ")]
    wallets = paying_wallets(subscription.customer, *balances)
    if early:
        use(subscription, "api.calls", early)
        bill_reached_thresholds(at=MID)
        pay_invoices(at=MID)
    if calls := D(row["calls"] or 0) - early:
        use(subscription, "api.calls", calls)
    if row["unpaid"]:
        make_invoice(subscription.customer, net="27.50", tax="2.75")
        assert Invoice.objects.get().total.amount == D(row["unpaid"])
    if row["drafts"]:
        line = OneOffLine("Workshop", D(row["drafts"]), MID.date(), MID.date())
        draft_invoice(customer=subscription.customer, request=OneOffRequest([line], "EUR"), at=MID)
    assert ongoing(wallets) == [D(balance) for balance in row["ongoing"].split(", ")]


@pytest.mark.django_db
def test_of_usage_alone_it_deducts_the_total_of_each_preview():
    first = subscribed(fees=())
    images = publish(make_plan(offers=[offer("images", rates=[rate("0.1")], currency="EUR")]))
    second = subscribe(first.customer, images, coupons=[make_coupon(percent=D("7.5"))])
    (wallet,) = paying_wallets(first.customer, 500)
    use(first, "api.calls", "33.333")
    use(second, "images", 777)
    previews = [preview(subscription=subscription, at=MID).totals.total for subscription in (first, second)]
    assert ongoing([wallet]) == [500 - sum(previews)]
    assert min(previews) > 0


@pytest.mark.django_db
def test_closing_and_paying_leave_it_as_it_was():
    subscription = subscribed(fees=())
    (wallet,) = paying_wallets(subscription.customer, 500)
    use(subscription, "api.calls", "123.45")
    before = ongoing([wallet], at=FEB)
    close_due(at=FEB.replace(hour=1))
    invoiced = ongoing([wallet], at=FEB.replace(hour=2))
    pay_invoices(at=FEB.replace(hour=2))
    wallet.refresh_from_db()
    assert before == invoiced == ongoing([wallet], at=FEB.replace(hour=3)) == [wallet.balance]


@pytest.mark.django_db
def test_a_part_that_waits_for_the_part_before_it_counts():
    subscription = subscribed(fees=())
    (wallet,) = paying_wallets(subscription.customer, 500)
    use(subscription, "api.calls", 10)
    change_plan(subscription=subscription, version=publish(make_plan(offers=[CALLS])), at=MID)
    use(subscription, "api.calls", 20, at=MID)
    assert ongoing([wallet], at=MID) == [500 - 33]


@pytest.mark.django_db
def test_other_wallets_and_currencies_have_none():
    subscription = subscribed()
    plain = make_wallet(subscription.customer, unit="EUR", currency="EUR")
    assert read_ongoing_balances([plain], at=MID) == {}
    dollars = make_wallet(subscription.customer, name="USD", unit="USD", currency="USD", pays_invoices=True)
    use(subscription, "api.calls", 10)
    assert read_ongoing_balances([plain, dollars], at=MID) == {dollars.pk: 0}


@pytest.mark.django_db
def test_many_wallets_take_as_many_queries_as_one(django_assert_max_num_queries):
    def read():
        read_ongoing_balances(list(Wallet.objects.all()), at=MID)

    wallets = []
    for number in range(5):
        customer = make_customer(f"c{number}", currency="EUR")
        subscription = subscribe(customer, publish(make_plan(offers=[CALLS])))
        use(subscription, "api.calls", 10)
        wallets += paying_wallets(customer, 100)
    read()
    with django_assert_max_num_queries(30):
        read()
    assert len(wallets) == 5


@pytest.mark.django_db
def test_usage_that_can_not_be_rated_counts_as_zero(monkeypatch):
    subscription = subscribed(fees=())
    use(subscription, "api.calls", 10)
    monkeypatch.setattr("billing.closing.batch.assemble_invoice", lambda *_: 1 / 0)
    assert read_uninvoiced_usage(customer_ids=[subscription.customer_id], at=MID) == {}


amounts = st.decimals(min_value=0, max_value=1000, places=2)


@given(balances=st.lists(st.tuples(amounts, amounts), min_size=1, max_size=5), unpaid=amounts)
@settings(suppress_health_check=list(HealthCheck), deadline=None)
def test_shares_sum_to_the_unpaid_amount(balances, unpaid):
    wallets = [PayingWallet(number, balance + payable, payable) for number, (balance, payable) in enumerate(balances)]
    ongoing_by_id = ongoing_balances(wallets, unpaid)
    assert sum(ongoing_by_id.values()) == sum(wallet.balance for wallet in wallets) - unpaid
    for wallet in wallets[:-1]:
        assert ongoing_by_id[wallet.id] >= wallet.balance - wallet.payable


# Automatic top-ups --------------------------------------------------------------------------------------------------


def top_up_rule(wallet, **fields):
    make_pack("money", unit="money", units=100, prices={"EUR": 100}, is_taxed=False)
    request = TopUpRuleRequest("money", **{"threshold": D(50), "payer": "sandbox", **fields})
    return set_rule(wallet_id=wallet.pk, request=request, at=JAN)


@pytest.mark.django_db
@pytest.mark.parametrize(("basis", "bought"), [("balance", 0), ("ongoing_balance", 2)])
def test_a_top_up_compares_the_balance_that_its_rule_names(basis, bought):
    subscription = subscribed(sandbox=True)
    (wallet,) = paying_wallets(subscription.customer, 100)
    top_up_rule(wallet, basis=basis, target=D(150))
    assert run_topups(at=MID).bought == 0
    use(subscription, "api.calls", 50)
    at = MID.replace(hour=1)
    assert run_topups(at=at).bought == bool(bought)
    wallet.refresh_from_db()
    assert wallet.balance == 100 + 100 * bought
    assert [topup.balance for topup in TopUp.objects.all()] == [45] * bool(bought)
    assert run_topups(at=at.replace(hour=2)).bought == 0


@pytest.mark.django_db
def test_an_ongoing_balance_is_read_once_a_minute(monkeypatch):
    subscription = subscribed(sandbox=True)
    (wallet,) = paying_wallets(subscription.customer, 100)
    top_up_rule(wallet, basis="ongoing_balance")
    reads = []
    monkeypatch.setattr(
        "wallets.auto_topup.topup_run.read_ongoing_balances", lambda *_, at: reads.append(at) or {wallet.pk: D(60)}
    )
    for second in (0, 10, 59, 61):
        run_topups(at=MID.replace(minute=second // 60, second=second % 60))
    assert [at.second for at in reads] == [0, 1]
    assert TopUpRule.objects.get().quiet_until == MID.replace(minute=2, second=1)


@pytest.mark.django_db
def test_only_a_wallet_that_pays_invoices_has_such_a_rule():
    wallet = make_wallet(make_customer(currency="EUR"), unit="EUR", currency="EUR")
    for basis, message in (("ongoing_balance", "Only a wallet that pays invoices"), ("other", "“other” is not a")):
        with pytest.raises(TopUpRuleRefused, match=message) as refusal:
            set_rule(wallet_id=wallet.pk, request=_request(basis), at=JAN)
        assert refusal.value.field == "basis"


def _request(basis):
    make_pack(f"money-{basis}", unit="money", units=100, prices={"EUR": 100})
    return TopUpRuleRequest(f"money-{basis}", threshold=D(50), basis=basis)
