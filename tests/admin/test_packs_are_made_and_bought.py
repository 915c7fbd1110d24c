"""Credit packs on staff's pages: created with a live example, bought into a wallet, canceled."""

import re

import pytest

from plans.models import CreditPack
from tests.builders import make_customer, make_feature, make_pack, make_wallet
from wallets.models import Purchase

FORM = {
    "code": "hundred",
    "name": "100 credits",
    "unit": "credits",
    "units": "100",
    "slabs_by": "units",
    "is_taxed": "on",
    "priority": "50",
    "rolls_over": "0",
    "prices-TOTAL_FORMS": "1",
    "prices-INITIAL_FORMS": "0",
    "prices-0-currency": "USD",
    "prices-0-price": "99",
    "slabs-TOTAL_FORMS": "1",
    "slabs-INITIAL_FORMS": "0",
    "slabs-0-least": "200",
    "slabs-0-units": "5",
    "slabs-0-percent": "10",
}
ADD, EXAMPLE = "/admin/plans/creditpack/add/", "/admin/plans/creditpack/example/"


@pytest.fixture
def wallet(db):
    make_pack("hundred", name="100 credits", slabs=[(0, 10, 0)])
    return make_wallet(make_customer(legal_name="Globex"))


def test_a_pack_is_made(member):
    page = member("finance").post(ADD, FORM, follow=True).content.decode()
    for part in ("100 credits", "$99.00", "on sale"):
        assert part in page
    assert CreditPack.objects.get().slabs.get().percent == 10


WRONG = [
    ({"units": ""}, "Enter either the units per pack"),
    ({"least_units": "1"}, "Enter either the units per pack"),
    ({"units": "", "least_units": "5", "most_units": "4"}, "Enter a minimum above zero"),
    ({"includes_tax": "on"}, "Prices that are taxed at purchase are before tax."),
    ({"rolls_over": "1"}, "Only units that expire can roll over"),
    ({"prices-0-price": "0"}, "The price must be above zero"),
]


@pytest.mark.parametrize(("fields", "message"), WRONG)
def test_an_invalid_pack_shows_the_error_at_its_field(member, fields, message):
    assert message in member("finance").post(ADD, FORM | fields).content.decode()
    assert not CreditPack.objects.exists()


def test_the_example_shows_the_price_of_purchases(member):
    page = member("finance").post(EXAMPLE, FORM).content.decode()
    rows = [re.findall(r"<td[^>]*>(.*?)</td>", row) for row in re.findall(r"<tr><td>.*?</tr>", page)]
    assert rows == [
        ["1 pack", "100", "0", "$99.00", "$990.00"],
        ["2 packs", "200", "30", "$198.00", "$860.87"],
        ["10 packs", "1,000", "150", "$990.00", "$860.87"],
    ]
    loose = FORM | {"units": "", "least_units": "10", "most_units": "400", "prices-0-price": "0.99"}
    assert "<td>400</td>" in member("finance").post(EXAMPLE, loose).content.decode()


def test_a_repeated_form_buys_a_pack_once(member, wallet):
    finance, address = member("finance"), f"/admin/wallets/purchase/buy/{wallet.pk}/"
    form = finance.get(address).content.decode()
    reference = re.search(r'name="reference" value="(by hand [^"]+)"', form).group(1)
    for _ in range(2):
        arguments = {"pack": "hundred", "packs": "2", "reference": reference}
        page = finance.post(address, arguments, follow=True).content.decode()
    for part in ("2 × 100 credits", "awaiting payment", "200 + 20", "$198.00", "INV-000001"):
        assert part in page
    assert Purchase.objects.get().by.first_name == "Finance"


def test_a_purchase_is_for_the_chosen_features(member, wallet):
    chat = make_feature("chat")
    arguments = {"pack": "hundred", "packs": "1", "reference": "x", "features": ["chat"]}
    member("finance").post(f"/admin/wallets/purchase/buy/{wallet.pk}/", arguments)
    assert Purchase.objects.get().terms["features"] == [chat.pk]


def test_a_purchase_is_canceled_with_a_reason(member, wallet):
    finance = member("finance")
    arguments = {"pack": "hundred", "packs": "1", "reference": "x"}
    finance.post(f"/admin/wallets/purchase/buy/{wallet.pk}/", arguments)
    address = f"/admin/wallets/purchase/{Purchase.objects.get().pk}/cancel/"
    assert "Enter a reason" in finance.post(address, {"_reason": ""}).content.decode()
    page = finance.post(address, {"_reason": "By mistake"}, follow=True).content.decode()
    for part in ("canceled", "By mistake", "void"):
        assert part in page


def test_support_sees_packs_and_can_not_buy_them(member, wallet):
    support = member("support")
    assert support.get("/admin/wallets/purchase/").status_code == 200
    assert support.get("/admin/plans/creditpack/").status_code == 200
    assert support.get(f"/admin/wallets/purchase/buy/{wallet.pk}/").status_code == 403
    assert support.post(ADD, FORM).status_code == 403


def test_an_archived_pack_can_not_be_bought(member, wallet):
    finance = member("finance")
    finance.post(f"/admin/plans/creditpack/{CreditPack.objects.get().pk}/archive/", {})
    assert "No pack is on sale" in finance.get(f"/admin/wallets/purchase/buy/{wallet.pk}/").content.decode()
