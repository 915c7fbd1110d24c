"""Automatic top-up rules on staff's pages: set with their ceilings, rejected with a message, re-enabled."""

from decimal import Decimal

import pytest

from plans.models import CreditPack
from tests.builders import JAN, make_customer, make_pack, make_wallet
from wallets.auto_topup import TopUpRuleRequest, run_topups, set_rule
from wallets.models import TopUpRule

ADD = "/admin/wallets/topuprule/add/"


@pytest.fixture
def wallet(db):
    make_pack("hundred", name="100 credits")
    return make_wallet(make_customer(legal_name="Globex", sandbox=True))


def form(wallet, **fields):
    pack = CreditPack.objects.get().pk
    return {
        "wallet": wallet.pk,
        "is_on": "on",
        "percent": "20",
        "pack": pack,
        "basis": "balance",
        "payer": "invoice",
        "cooldown": "0:00:00",
        "most_declines": "3",
        "ceilings-TOTAL_FORMS": "1",
        "ceilings-INITIAL_FORMS": "0",
        "ceilings-0-set_by": "finance",
        "ceilings-0-span": "day",
        "ceilings-0-most": "2",
        **fields,
    }


def test_a_rule_is_set_with_its_ceilings_and_changed(member, wallet):
    finance = member("finance")
    finance.post("/admin/switch/", {"rows": "sandbox"})
    page = finance.post(ADD, form(wallet), follow=True).content.decode()
    assert "100 credits" in page
    rule = TopUpRule.objects.get()
    assert (rule.percent, rule.ceilings.get().most) == (20, 2)
    ceiling = {"ceilings-INITIAL_FORMS": "1", "ceilings-0-id": rule.ceilings.get().pk, "ceilings-0-rule": rule.pk}
    address = f"/admin/wallets/topuprule/{rule.pk}/change/"
    finance.post(address, form(wallet, **ceiling, **{"percent": "30", "ceilings-0-most": "4"}))
    rule = TopUpRule.objects.get()
    assert (rule.percent, rule.ceilings.get().most) == (30, 4)


def test_an_invalid_rule_shows_the_error(member, wallet):
    finance = member("finance")
    assert "Enter a threshold" in finance.post(ADD, form(wallet, percent="")).content.decode()
    wallet = make_wallet(make_customer(legal_name="Live"))
    page = finance.post(ADD, form(wallet, payer="sandbox"), follow=True).content.decode()
    assert "The sandbox pays for sandbox customers only." in page
    page = finance.post(ADD, form(wallet, basis="ongoing_balance"), follow=True).content.decode()
    assert "Only a wallet that pays invoices has an ongoing balance." in page
    assert not TopUpRule.objects.exists()


def test_a_disabled_rule_is_re_enabled(member, wallet):
    rule_request = TopUpRuleRequest("hundred", percent=Decimal(20), payer="declining", most_declines=1)
    rule = set_rule(wallet_id=wallet.pk, request=rule_request, at=JAN)
    run_topups(at=JAN)
    finance = member("finance")
    finance.post("/admin/switch/", {"rows": "sandbox"})
    page = finance.get("/admin/wallets/topuprule/").content.decode()
    assert "The payment was declined" in page
    assert "declined" in finance.get("/admin/wallets/topup/").content.decode()
    page = finance.post(f"/admin/wallets/topuprule/{rule.pk}/switch_on/", {}, follow=True).content.decode()
    assert "Automatic top-ups of" in page
    assert TopUpRule.objects.get().is_on


def test_support_is_read_only(member, wallet):
    support = member("support")
    assert support.get("/admin/wallets/topuprule/").status_code == 200
    assert support.post(ADD, form(wallet)).status_code == 403
