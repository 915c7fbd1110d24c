"""Countries, currencies, time zones and locales are picked from lists, which keep stored values that they lack."""

import json
import re
from html import unescape

from customers.models import Customer
from tests.builders import make_customer, make_seller

ADD = "/admin/customers/customer/add/"


def select(page_text, name):
    found = re.search(rf'<select name="{name}".*?</select>', page_text, re.DOTALL)
    assert found, name
    return found.group()


def test_a_new_customer_has_lists_and_presets_of_the_country(member):
    page_text = member("finance").get(ADD).content.decode()
    assert '<option value="DE">Germany – DE</option>' in select(page_text, "country")
    for name, value in {"currency": "USD", "time_zone": "UTC", "locale": "en_US"}.items():
        assert f'<option value="{value}" selected>' in select(page_text, name), name
    presets = json.loads(unescape(re.search(r'data-presets="([^"]*)"', page_text).group(1)))
    assert presets["DE"] == {"currency": "EUR", "time_zone": "Europe/Berlin", "locale": "de_DE"}


def test_a_stored_customer_keeps_its_values(member):
    customer = make_customer("acme")
    Customer.objects.filter(pk=customer.pk).update(country="XY", locale="xx_XY")
    page_text = (
        member("finance").get(f"/admin/customers/customer/{customer.pk}/change/?tab=settings").content.decode()
    )
    assert '<option value="XY" selected>XY</option>' in select(page_text, "country")
    assert '<option value="xx_XY" selected>xx_XY</option>' in select(page_text, "locale")
    assert "data-presets" not in page_text


def test_an_unknown_currency_is_refused(member):
    make_seller("acme")
    page_text = member("finance").post(ADD, {"currency": "XYZ", "country": "DE"}).content.decode()
    assert "“XYZ” is not a currency" in page_text
    assert '<option value="DE" selected>' in select(page_text, "country")


def test_a_tax_rate_may_be_for_all_other_countries(member):
    page_text = member("finance").get("/admin/invoices/taxrate/add/").content.decode()
    assert '<option value="">All other countries</option>' in select(page_text, "country")


def test_currencies_of_rows_are_suggested_by_one_list(member):
    page_text = member("finance").get("/admin/plans/creditpack/add/").content.decode()
    assert page_text.count('<datalist id="currencies">') == 1
    assert 'list="currencies"' in page_text
    assert '<option value="EUR">EUR – Euro</option>' in page_text
