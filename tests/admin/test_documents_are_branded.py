"""Finance says what documents look like, and sees it before it is saved."""

from decimal import Decimal
from io import BytesIO

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.forms import model_to_dict

from customers.models import Logo, Seller
from tests.api.documents import make_invoice
from tests.builders import make_customer, make_seller, make_tax
from tests.customers.pictures import picture
from tests.invoices.rendering.pdf_reader import reader, text_of

PICTURE = picture("JPEG")


@pytest.fixture
def seller(db) -> Seller:
    seller = make_seller(legal_name="Acme GmbH", country="DE", currency="EUR", locale="en_IE", city="Berlin")
    make_tax(Decimal(19), seller=seller, country="DE")
    return seller


def form(seller: Seller, **typed: object) -> dict[str, object]:
    """Return what the page sends: the seller as stored, with what was typed."""
    stored = {
        name: value for name, value in model_to_dict(seller).items() if value is not None and value is not False
    }
    stored.pop("logo", None)
    rows = {"dunning_steps-TOTAL_FORMS": 0, "dunning_steps-INITIAL_FORMS": 0}
    return {**stored, **rows, "currency": str(seller.currency), "grace": "01:00:00", **typed}


def upload(content: bytes = PICTURE, name: str = "logo.jpg") -> SimpleUploadedFile:
    return SimpleUploadedFile(name, content)


def test_what_is_saved_is_kept_as_documents_copy_it(member, seller):
    typed = {"iban": "de02 1203 0000 0000 2020 51", "bic": "byladem1001", "notes": "Thanks", "logo_file": upload()}
    answer = member("finance").post(f"/admin/customers/seller/{seller.pk}/change/", form(seller, **typed))
    assert answer.status_code == 302
    seller.refresh_from_db()
    assert (seller.iban, seller.bic, seller.notes) == ("DE02120300000000202051", "BYLADEM1001", "Thanks")
    assert seller.logo == Logo.objects.get()


def test_a_logo_stays_until_another_comes_or_none_is_wanted(member, seller):
    client, page = member("finance"), f"/admin/customers/seller/{seller.pk}/change/"
    found = []
    for typed in ({"logo_file": upload()}, {}, {"logo_file": upload(picture("PNG"))}, {"removes_logo": "on"}):
        assert client.post(page, form(seller, **typed)).status_code == 302
        seller.refresh_from_db()
        found.append(seller.logo_id)
    assert found[0] == found[1] != found[2]
    assert (found[3], Logo.objects.count()) == (None, 2)


WRONG = [
    ({"iban": "DE02 1203 0000 0000 2020 52"}, "is no IBAN"),
    ({"bic": "BYLADEM"}, "is no BIC"),
    ({"accent_color": "#ffe066"}, "too light"),
    ({"accent_color": "red"}, "six hexadecimal digits"),
    ({"logo_file": upload(b"<svg/>", "logo.png")}, "neither a PNG nor a JPEG"),
    ({"notes": "x" * 2_001}, "at most 2000"),
]


def test_what_is_wrong_is_said_beside_the_preview_and_nothing_is_saved(member, seller):
    client, before = member("finance"), Seller.objects.values().get()
    for typed, problem in WRONG:
        answer = client.post(f"/admin/customers/seller/{seller.pk}/change/", form(seller, **typed))
        assert problem in answer.content.decode(), typed
    assert Seller.objects.values().get() == before
    answer = client.post(f"/admin/customers/seller/{seller.pk}/preview/", form(seller, **WRONG[0][0]))
    assert any("is no IBAN" in problem for problem in answer.context["problems"])
    assert len(answer.context["pages"]) == 2


def test_the_preview_shows_what_is_typed_and_saves_nothing(member, seller):
    client, before = member("finance"), Seller.objects.values().get()

    def preview(**typed: object):
        answer = client.post(f"/admin/customers/seller/{seller.pk}/preview/", form(seller, **typed))
        assert answer.status_code == 200
        return answer.context

    plain, other = preview(), preview(brand_color="#990000", logo_file=upload(), shows_wallets="on")
    assert plain["pages"] == preview()["pages"]
    assert plain["pages"][0] != other["pages"][0]
    assert (plain["verdict"], plain["problems"]) == ("", [])
    wanted = preview(e_invoices="always")
    assert wanted["refusal"].startswith("seller.tax_number: an invoice with tax needs")
    told = preview(e_invoices="when_possible", tax_number="DE136695976")["verdict"]
    assert told == "This sample is an e-invoice of EN 16931 as well."
    assert Seller.objects.values().get() == before
    assert not Logo.objects.exists()


def test_a_new_seller_has_a_preview_too(member, seller):
    typed = {"legal_name": "New Ltd", "country": "IE", "shows_usage": "on"}
    answer = member("finance").post("/admin/customers/seller/preview/", typed)
    assert len(answer.context["pages"]) == 2
    assert Seller.objects.count() == 1


def test_whoever_may_not_change_sellers_draws_none(member, seller):
    assert member("support").post(f"/admin/customers/seller/{seller.pk}/preview/", form(seller)).status_code == 403


def test_the_sample_is_a_pdf_of_what_is_stored(member, seller):
    Seller.objects.update(notes="Thank you", shows_usage=False, shows_wallets=True)
    answer = member("support").get(f"/admin/customers/seller/{seller.pk}/sample_pdf", follow=True)
    said = text_of(answer.content)
    assert answer["Content-Type"] == "application/pdf"
    for text in ("Acme GmbH", "SAMPLE-000042", "VAT 19%", "Thank you", "Statement: Wallet", "Closing balance"):
        assert text in said, text
    assert "by day" not in said
    assert len(reader(BytesIO(answer.content).read()).pages) == 2


def test_documents_are_downloaded_as_data(member, seller):
    client = member("support")
    refused = make_invoice(make_customer("acme", seller=seller, currency="EUR"), copies=True)
    answer = client.get(f"/admin/invoices/invoice/{refused.pk}/cii/", follow=True)
    assert "cannot be an e-invoice. seller.tax_number" in answer.content.decode()
    Seller.objects.update(tax_number="DE136695976")
    seller.refresh_from_db()
    invoice = make_invoice(make_customer("beta", seller=seller, currency="EUR"), copies=True)
    for name, kind in (("cii", b"CrossIndustryInvoice"), ("ubl", b"<Invoice")):
        answer = client.get(f"/admin/invoices/invoice/{invoice.pk}/{name}/")
        assert kind in answer.content
        assert answer["Content-Disposition"] == f'attachment; filename="INV-00002.{name}.xml"'


@pytest.mark.parametrize(
    "typed",
    [
        {},
        {"legal_name": "New Ltd"},
        {"country": "US", "currency": "", "time_zone": "Nowhere"},
        {"currency": "usd"},
        {"currency": "XYZ"},
    ],
)
def test_what_is_only_begun_is_drawn_as_far_as_it_goes(member, typed):
    answer = member("finance").post("/admin/customers/seller/preview/", typed)
    assert answer.status_code == 200
    assert "This field is required" in answer.content.decode()
