"""Golden fragments of the portal in German, French and Spanish: numbers, dates, amounts and plurals."""

from decimal import Decimal

import pytest
from django.urls import reverse

from customers.models import Customer
from tests.portal.accounts import DAY, TODAY, send
from tests.portal.test_customers_see_only_their_own_rows import PAGES
from wallets.ledger.grant import Grant, grant

pytestmark = pytest.mark.django_db

LOCALES = {"de": "de_DE", "fr": "fr_FR", "es": "es_ES"}

FRAGMENTS = [
    # page, language        fragments
    (
        "portal_overview",
        "de",
        [
            "6,08 $",
            "88,18 $ bis 88,22 $",
            "nach dem 28. Februar 2026",
            "Tag 10 von 28",
            "50 % eines Budgets erreicht",
            "76 weitere Einheiten werden berechnet",
        ],
    ),
    (
        "portal_overview",
        "fr",
        [
            "6,08 $US",
            "88,18 $US à 88,22 $US",
            "après le 28 février 2026",
            "jour 10 sur 28",
            "50 % d’un budget atteints",
            "76 unités de plus sont facturées",
        ],
    ),
    (
        "portal_overview",
        "es",
        [
            "6,08 US$",
            "88,18 US$ a 88,22 US$",
            "después del 28 de febrero de 2026",
            "día 10 de 28",
            "Alcanzado el 50 % de un presupuesto",
            "76 unidades más se facturan",
        ],
    ),
    (
        "portal_usage",
        "de",
        ["576 Aufrufe", "6,08 $", "1.–10. Feb. 2026, verglichen mit 1.–10. Jan. 2026", "+29,4 %", "55,6 %"],
    ),
    (
        "portal_usage",
        "fr",
        ["576 appels", "6,08 $US", "1–10 févr. 2026, par rapport à 1–10 janv. 2026", "+29,4 %", "55,6 %"],
    ),
    (
        "portal_usage",
        "es",
        ["576 llamadas", "6,08 US$", "1–10 feb 2026, en comparación con 1–10 ene 2026", "+29,4 %", "55,6 %"],
    ),
    (
        "portal_invoice",
        "de",
        [
            "1.100 Aufrufe",
            "98,39 $",
            "bis 16. Februar 2026",
            "So berechnen sich 30,00 $",
            "Steuer: 0 %.",
            "Zwischensumme",
        ],
    ),
    (
        "portal_invoice",
        "fr",
        [
            "1 100 appels",
            "98,39 $US",
            "avant le 16 février 2026",
            "Détail du calcul de 30,00 $US",
            "Taxe : 0 %.",
            "Sous-total",
        ],
    ),
    (
        "portal_invoice",
        "es",
        [
            "1.100 llamadas",
            "98,39 US$",
            "hasta el 16 de febrero de 2026",
            "Cómo se calcula 30,00 US$",
            "Impuesto: 0 %.",
            "Subtotal",
        ],
    ),
    (
        "portal_wallet",
        "de",
        ["1.234,5 Credits", "+1 Credit<", "+2 Credits<", "15. Feb. 2026, 12:00", "Im Tarif enthalten"],
    ),
    (
        "portal_wallet",
        "fr",
        ["1 234,5 crédits", "+1 crédit<", "+2 crédits<", "15 févr. 2026, 12:00", "Inclus dans le forfait"],
    ),
    (
        "portal_wallet",
        "es",
        ["1.234,5 créditos", "+1 crédito<", "+2 créditos<", "15 feb 2026, 12:00", "Incluido en el plan"],
    ),
]


@pytest.mark.parametrize(("page", "language", "fragments"), FRAGMENTS)
def test_figures_and_sentences_are_in_the_language(own, page, language, fragments):
    grants = [Grant("promotional", Decimal(units), f"gift:{units}") for units in ("1", "2", "1151.5")]
    grant(wallet_id=own.wallet.pk, grants=grants, at=TODAY)
    content = _page(own, page, language)
    for fragment in fragments:
        assert fragment in content


PLURALS = {
    # language    one unit, two units beyond the allowance
    "en": ("1 more is billed", "2 more are billed"),
    "de": ("1 weitere Einheit wird berechnet", "2 weitere Einheiten werden berechnet"),
    "fr": ("1 unité de plus est facturée", "2 unités de plus sont facturées"),
    "es": ("1 unidad más se factura", "2 unidades más se facturan"),
}


@pytest.mark.parametrize("language", PLURALS)
def test_sentences_agree_with_one_and_two(own, language):
    one, two = PLURALS[language]
    send(own.customer, [(TODAY - DAY, -75, "m3")], own.word)
    assert one in _page(own, "portal_overview", language)
    send(own.customer, [(TODAY - DAY / 2, 1, "m3")], own.word)
    assert two in _page(own, "portal_overview", language)


@pytest.mark.parametrize("language", LOCALES)
def test_no_page_has_english_words(own, language):
    english = ("Sign out", "Overview", "Invoices", "Amount", "Balance", "Remove", " is ", " of ", " the ")
    for name, (method, numbers) in PAGES.items():
        if method == "GET" and not name.endswith(("table", "file", "statement")):
            text = _text(_page(own, name, language, **numbers(own)))
            assert [word for word in english if word in text] == [], name


def _page(own, name: str, language: str, **numbers) -> str:
    Customer.objects.filter(pk=own.customer.pk).update(locale=LOCALES.get(language, "en_US"))
    address = reverse(name, kwargs=numbers or PAGES[name][1](own))
    content = own.client().get(address).content.decode()
    return content.replace("\N{NO-BREAK SPACE}", " ").replace("\N{NARROW NO-BREAK SPACE}", " ")


def _text(page: str) -> str:
    return page.partition("<body>")[2].partition("<footer")[0]
