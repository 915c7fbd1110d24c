"""A wallet below its threshold is topped up, one purchase at a time, within its ceilings, until payments fail."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal as D

import pytest

from customers.models import Notification
from invoices.models import Invoice
from tests.builders import JAN, make_customer, make_pack, make_wallet
from tests.races import together
from wallets.auto_topup import (
    CeilingLimits,
    TopUpOutcome,
    TopUpRuleRefused,
    TopUpRuleRequest,
    run_topups,
    set_rule,
    settle,
    switch_on,
    top_up_wallets,
)
from wallets.ledger.grant import Grant, grant
from wallets.ledger.spend import spend
from wallets.models import Purchase, TopUp, TopUpRule, Wallet
from wallets.purchases import cancel, receive_payment

pytestmark = pytest.mark.django_db
HOUR = timedelta(hours=1)


@pytest.fixture
def wallet():
    make_pack("hundred")
    wallet = make_wallet(make_customer(sandbox=True, time_zone="Asia/Kolkata"))
    grant(wallet_id=wallet.pk, grants=[Grant("promotional", D(100), "welcome")], at=JAN)
    return wallet


def rule(wallet, **fields):
    return set_rule(
        wallet_id=wallet.pk,
        request=TopUpRuleRequest("hundred", **{"percent": D(20), "payer": "sandbox", **fields}),
        at=JAN,
    )


def use(wallet, units, reference="use", at=JAN):
    spend(wallet_id=wallet.pk, amount=D(units), reference=reference, at=at)


def balance_and_states(wallet):
    balance = Wallet.objects.get(pk=wallet.pk).balance
    return balance, list(TopUp.objects.order_by("pk").values_list("state", flat=True))


def kinds():
    return list(Notification.objects.filter(kind__startswith="topup").order_by("pk").values_list("kind", flat=True))


def test_a_pack_is_bought_at_19_and_not_at_20(wallet):
    rule(wallet)
    use(wallet, 80)
    assert (run_topups(at=JAN).bought, balance_and_states(wallet)) == (0, (20, []))
    use(wallet, 1, "one more")
    assert (run_topups(at=JAN).bought, balance_and_states(wallet)) == (1, (119, ["paid"]))
    topup = TopUp.objects.get()
    assert (topup.balance, topup.amount, topup.purchase.invoice.state) == (19, 99, "paid")
    assert kinds() == ["topup.paid"]
    assert run_topups(at=JAN).bought == 0


def test_given_wallets_are_topped_up_at_once(wallet):
    other = make_wallet(make_customer(sandbox=True))
    rule(wallet)
    use(wallet, 81)
    assert top_up_wallets(wallet_ids=[other.pk], at=JAN) == 0
    assert top_up_wallets(wallet_ids=[wallet.pk, other.pk], at=JAN) == 1
    assert top_up_wallets(wallet_ids=[], at=JAN) == 0


TARGETS = [(None, 1, 119), (D(119), 1, 119), (D(120), 2, 219)]


@pytest.mark.parametrize(("target", "packs", "balance"), TARGETS)
def test_whole_packs_are_bought_to_reach_the_target(wallet, target, packs, balance):
    rule(wallet, target=target)
    use(wallet, 81)
    run_topups(at=JAN)
    assert (Purchase.objects.get().quantity, balance_and_states(wallet)[0]) == (packs, balance)


def test_units_sold_one_by_one_reach_the_target_exactly(wallet):
    make_pack("loose", units=None, least_units=10, most_units=500, prices={"USD": "0.5"})
    set_rule(
        wallet_id=wallet.pk,
        request=TopUpRuleRequest("loose", threshold=D(20), target=D(150), payer="sandbox"),
        at=JAN,
    )
    use(wallet, 81)
    run_topups(at=JAN)
    assert (balance_and_states(wallet)[0], TopUp.objects.get().amount) == (150, D("65.50"))


def test_a_pending_top_up_blocks_others_until_it_is_paid(wallet):
    rule(wallet, payer="invoice")
    use(wallet, 81)
    assert [run_topups(at=JAN).bought for _ in range(2)] == [1, 0]
    assert balance_and_states(wallet) == (19, ["pending"])
    invoice = Invoice.objects.get()
    receive_payment(invoice_id=invoice.pk, amount=invoice.due, method="manual", reference="bank", at=JAN)
    assert (run_topups(at=JAN).settled, balance_and_states(wallet)) == (1, (119, ["paid"]))


def test_a_canceled_purchase_allows_the_next_top_up(wallet):
    rule(wallet, payer="invoice")
    use(wallet, 81)
    run_topups(at=JAN)
    cancel(purchase_id=Purchase.objects.get().pk, reason="Not now", at=JAN)
    assert run_topups(at=JAN).bought == 1
    assert balance_and_states(wallet) == (19, ["canceled", "pending"])
    assert kinds() == []


def test_a_trusted_wallet_is_granted_within_one_run(wallet):
    Wallet.objects.update(is_trusted=True)
    rule(wallet, payer="invoice")
    use(wallet, 81)
    run_topups(at=JAN)
    assert balance_and_states(wallet) == (119, ["paid"])
    assert Invoice.objects.get().state == "issued"


def test_it_is_disabled_after_the_allowed_declines_and_re_enabled_by_hand(wallet):
    rule(wallet, payer="declining", most_declines=2)
    use(wallet, 81)
    assert [run_topups(at=JAN).bought for _ in range(3)] == [1, 1, 0]
    assert balance_and_states(wallet) == (19, ["declined", "declined"])
    assert {purchase.state for purchase in Purchase.objects.all()} == {"failed"}
    top_up_rule = TopUpRule.objects.get()
    assert (top_up_rule.is_on, top_up_rule.declines, top_up_rule.off_reason) == (
        False,
        2,
        "2 consecutive payments were declined",
    )
    assert kinds() == ["topup.failed", "topup.failed", "topup.switched_off"]
    TopUpRule.objects.update(payer="sandbox")
    switch_on(wallet_id=wallet.pk, at=JAN)
    run_topups(at=JAN)
    assert balance_and_states(wallet)[0] == 119


def test_a_payment_resets_the_declines(wallet):
    rule(wallet, payer="invoice")
    use(wallet, 81)
    run_topups(at=JAN)
    settle(topup_id=TopUp.objects.get().pk, outcome=TopUpOutcome.DECLINED, at=JAN, reason="Card expired")
    assert TopUpRule.objects.get().declines == 1
    run_topups(at=JAN)
    topup = TopUp.objects.latest("pk")
    for _ in range(2):
        settle(topup_id=topup.pk, outcome=TopUpOutcome.PAID, at=JAN)
    settle(topup_id=topup.pk, outcome=TopUpOutcome.DECLINED, at=JAN)
    assert (balance_and_states(wallet), TopUpRule.objects.get().declines) == ((119, ["declined", "paid"]), 0)


CEILINGS = [
    # ceilings                                                        bought of three, on two days
    ([CeilingLimits("finance", "day", most=1)], [1, 0, 1]),
    ([CeilingLimits("finance", "day", most_money=D("197.99"))], [1, 0, 1]),
    ([CeilingLimits("finance", "day", most_money=D(198))], [1, 1, 1]),
    ([CeilingLimits("finance", "month", most=1)], [1, 0, 0]),
    ([CeilingLimits("finance", "day", most=5), CeilingLimits("customer", "day", most=1)], [1, 0, 1]),
    ([CeilingLimits("finance", "day", most_money=D(50))], [0, 0, 0]),
]


@pytest.mark.parametrize(("ceilings", "bought"), CEILINGS)
def test_ceilings_stop_the_loop_until_the_next_day_or_month(wallet, ceilings, bought):
    rule(wallet, ceilings=ceilings)
    use(wallet, 100)
    done, balance = [], 0
    for at in (JAN, JAN + HOUR, datetime(2026, 1, 1, 18, 30, tzinfo=UTC)):  # midnight in Kolkata
        if balance:
            use(wallet, balance, f"use at {at}", at=at)
        done.append(run_topups(at=at).bought)
        balance = balance_and_states(wallet)[0]
    assert done == bought
    assert Invoice.objects.count() == sum(bought)


def test_a_reached_ceiling_is_not_checked_before_it_resets(wallet, django_assert_max_num_queries):
    rule(wallet, ceilings=[CeilingLimits("finance", "day", most=0)])
    use(wallet, 81)
    run_topups(at=JAN)
    assert TopUpRule.objects.get().quiet_until == datetime(2026, 1, 1, 18, 30, tzinfo=UTC)
    with django_assert_max_num_queries(2):
        run_topups(at=JAN + HOUR)


def test_the_next_top_up_waits_for_the_cooldown(wallet):
    rule(wallet, threshold=D(500), percent=None, cooldown=timedelta(days=1))
    assert [run_topups(at=JAN + hours * HOUR).bought for hours in (0, 1, 23, 24)] == [1, 0, 0, 1]


def test_a_pack_that_is_not_on_sale_disables_the_rule(wallet):
    topup_rule = rule(wallet)
    topup_rule.pack.archived_at = JAN
    topup_rule.pack.save()
    use(wallet, 81)
    assert run_topups(at=JAN).bought == 0
    assert "not on sale" in TopUpRule.objects.get().off_reason


REFUSED = [
    ({"pack": "other"}, "pack", "not on sale for this wallet"),
    ({"percent": None}, "threshold", "Enter a threshold"),
    ({"threshold": D(1)}, "threshold", "Enter a threshold"),
    ({"pack": "loose"}, "percent", "in units"),
    ({"pack": "loose", "percent": None, "threshold": D(5)}, "target", "Enter the balance to reach"),
    ({"payer": "bank"}, "payer", "is not a payer"),
    ({"cooldown": timedelta(days=400)}, "cooldown", "a year"),
    ({"most_declines": 0}, "most_declines", "1 to 100"),
    ({"ceilings": [CeilingLimits("finance", "day")]}, "ceilings", "needs a number of top-ups"),
    ({"ceilings": [CeilingLimits("finance", "day", most=1)] * 2}, "ceilings", "at most one limit"),
    (
        {"ceilings": [CeilingLimits("finance", "day", most=1), CeilingLimits("customer", "day", most=2)]},
        "ceilings",
        "can’t exceed",
    ),
]


@pytest.mark.parametrize(("fields", "field", "message"), REFUSED)
def test_an_invalid_rule_gives_the_reason(wallet, fields, field, message):
    make_pack("loose", units=None, least_units=10, most_units=500)
    with pytest.raises(TopUpRuleRefused, match=message) as refused:
        set_rule(
            wallet_id=wallet.pk, request=TopUpRuleRequest(**{"pack": "hundred", "percent": D(20), **fields}), at=JAN
        )
    assert refused.value.field == field
    assert not TopUpRule.objects.exists()


def test_the_sandbox_pays_for_no_live_customer(wallet):
    with pytest.raises(TopUpRuleRefused, match="The sandbox pays for sandbox customers only"):
        rule(make_wallet(make_customer()))


@pytest.mark.django_db(transaction=True)
def test_concurrent_runs_buy_one_pack():
    make_pack("hundred")
    wallet = make_wallet(make_customer(sandbox=True))
    rule(wallet)
    done = together(*[lambda: top_up_wallets(wallet_ids=[wallet.pk], at=JAN)] * 4)
    assert (sum(done), balance_and_states(wallet)) == (1, (100, ["paid"]))
