"""Finance sets a seller's branding of invoices and previews it before saving."""

from decimal import Decimal
from io import BytesIO

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.forms import model_to_dict

from customers.models import Logo, Seller
from tests.api.invoice_rows import make_invoice
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
    """Return the fields that the page posts: the seller as stored, with `typed` fields."""
    stored = {
        name: value for name, value in model_to_dict(seller).items() if value is not None and value is not False
    }
    stored.pop("logo", None)
    rows = {"dunning_steps-TOTAL_FORMS": 0, "dunning_steps-INITIAL_FORMS": 0}
    return {**stored, **rows, "currency": str(seller.currency), "grace": "01:00:00", **typed}


def upload(content: bytes = PICTURE, name: str = "logo.jpg") -> SimpleUploadedFile:
    return SimpleUploadedFile(name, content)


def test_the_bank_details_and_logo_are_stored_as_invoices_copy_them(member, seller):
    typed = {"iban": "de02 1203 0000 0000 2020 51", "bic": "byladem1001", "notes": "Thanks", "logo_file": upload()}
    answer = member("finance").post(f"/admin/customers/seller/{seller.pk}/change/", form(seller, **typed))
    assert answer.status_code == 302
    seller.refresh_from_db()
    assert (seller.iban, seller.bic, seller.notes) == ("DE02120300000000202051", "BYLADEM1001", "Thanks")
    assert seller.logo == Logo.objects.get()


def test_a_logo_stays_until_it_is_replaced_or_removed(member, seller):
    client, page = member("finance"), f"/admin/customers/seller/{seller.pk}/change/"
    logo_ids = []
    for typed in ({"logo_file": upload()}, {}, {"logo_file": upload(picture("PNG"))}, {"removes_logo": "on"}):
        assert client.post(page, form(seller, **typed)).status_code == 302
        seller.refresh_from_db()
        logo_ids.append(seller.logo_id)
    assert logo_ids[0] == logo_ids[1] != logo_ids[2]
    assert (logo_ids[3], Logo.objects.count()) == (None, 2)


WRONG = [
    ({"iban": "DE02 1203 0000 0000 2020 52"}, "is not a valid IBAN"),
    ({"bic": "BYLADEM"}, "is not a valid BIC"),
    ({"accent_color": "#ffe066"}, "too light"),
    ({"accent_color": "red"}, "six hexadecimal digits"),
    ({"logo_file": upload(b"<svg/>", "logo.png")}, "Choose a PNG or JPEG image"),
    ({"notes": "x" * 2_001}, "at most 2000"),
]


def test_an_error_is_shown_with_the_preview_and_nothing_is_saved(member, seller):
    client, before = member("finance"), Seller.objects.values().get()
    for typed, problem in WRONG:
        answer = client.post(f"/admin/customers/seller/{seller.pk}/change/", form(seller, **typed))
        assert problem in answer.content.decode(), typed
    assert Seller.objects.values().get() == before
    answer = client.post(f"/admin/customers/seller/{seller.pk}/preview/", form(seller, **WRONG[0][0]))
    assert any("is not a valid IBAN" in problem for problem in answer.context["problems"])
    assert len(answer.context["pages"]) == 2


def test_the_preview_uses_the_posted_fields_and_saves_nothing(member, seller):
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
    assert wanted["refusal"].startswith("The seller has no VAT ID or tax number.")
    verdict = preview(e_invoices="when_possible", tax_number="DE136695976")["verdict"]
    assert verdict == "This sample is also a valid e-invoice (EN 16931)."
    assert Seller.objects.values().get() == before
    assert not Logo.objects.exists()


def test_a_new_seller_has_a_preview_too(member, seller):
    typed = {"legal_name": "New Ltd", "country": "IE", "shows_usage": "on"}
    answer = member("finance").post("/admin/customers/seller/preview/", typed)
    assert len(answer.context["pages"]) == 2
    assert Seller.objects.count() == 1


def test_staff_without_the_permission_can_not_preview(member, seller):
    assert member("support").post(f"/admin/customers/seller/{seller.pk}/preview/", form(seller)).status_code == 403


def test_the_sample_pdf_uses_the_stored_seller(member, seller):
    Seller.objects.update(notes="Thank you", shows_usage=False, shows_wallets=True)
    answer = member("support").get(f"/admin/customers/seller/{seller.pk}/sample_pdf", follow=True)
    page_text = text_of(answer.content)
    assert answer["Content-Type"] == "application/pdf"
    for text in ("Acme GmbH", "SAMPLE-000042", "VAT 19%", "Thank you", "Statement of Wallet", "Closing balance"):
        assert text in page_text, text
    assert "by day" not in page_text
    assert len(reader(BytesIO(answer.content).read()).pages) == 2


def test_e_invoices_are_downloaded_as_xml(member, seller):
    client = member("support")
    refused = make_invoice(make_customer("acme", seller=seller, currency="EUR"), copies=True)
    answer = client.get(f"/admin/invoices/invoice/{refused.pk}/cii/", follow=True)
    assert "e an e-invoice. The seller has no VAT ID or tax number." in answer.content.decode()
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
def test_an_incomplete_form_still_has_a_preview(member, typed):
    answer = member("finance").post("/admin/customers/seller/preview/", typed)
    assert answer.status_code == 200
    assert "This field is required" in answer.content.decode()
