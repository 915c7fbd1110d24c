"""The sentences of an explanation, word by word, in each language of the portal."""

from decimal import Decimal as D

import pytest

from invoices.amounts.totals import Tax
from invoices.explanation.facts import ExplainedTax
from tests.invoices.explanation.sample_invoices import (
    VAT,
    coupon_line,
    fee_line,
    former,
    line,
    make_explained,
    part,
    seats_line,
    sentences,
    usage_line,
)

FEE = fee_line("Platform fee", "99.00")
OCTOBER = make_explained(
    FEE,
    usage_line("Tokens", "1667412", "5.95"),
    usage_line("Requests", "1071", "0.39", unit="request", included="300"),
)
SEPTEMBER = former(
    FEE,
    usage_line("Tokens", "1402118", "5.47"),
    usage_line("Requests", "918", "0.31", unit="request", included="300"),
)

LANGUAGES = {
    "en_US": [
        "$105.34 = Platform fee $99.00 + 1.67 M tokens $5.95 + 771 extra requests $0.39.",
        "That is $0.56 (0.5%) more than US-1 of October 1, 2026: $0.48 for 18.9% more tokens and $0.08 for 16.7% more"
        " requests.",
        "No price changed.",
    ],
    "de_DE": [
        "105,34 $ = Platform fee 99,00 $ + 1,67 Mio. Token 5,95 $ + 771 Anfragen zusätzlich 0,39 $.",
        "Das sind 0,56 $ (0,5 %) mehr als bei US-1 vom 1. Oktober 2026: 0,48 $ für 18,9 % mehr Token und 0,08 $ für"
        " 16,7 % mehr Anfragen.",
        "Kein Preis hat sich geändert.",
    ],
    "fr_FR": [
        "105,34 $US = Platform fee 99,00 $US + 1,67 M tokens 5,95 $US + 771 requêtes supplémentaires 0,39 $US.",
        "C’est 0,56 $US (0,5 %) de plus que US-1 du 1 octobre 2026 : 0,48 $US pour une hausse (tokens : +18,9 %) et"
        " 0,08 $US pour une hausse (requêtes : +16,7 %).",
        "Aucun prix n’a changé.",
    ],
    "es_ES": [
        "105,34 US$ = Platform fee 99,00 US$ + 1,67 M tokens 5,95 US$ + 771 solicitudes adicionales 0,39 US$.",
        "Son 0,56 US$ (0,5 %) más que en US-1 del 1 de octubre de 2026: 0,48 US$ por 18,9 % más de tokens y 0,08 US$"
        " por 16,7 % más de solicitudes.",
        "No ha cambiado ningún precio.",
    ],
}


@pytest.mark.parametrize("locale", LANGUAGES)
def test_an_invoice_is_explained_in_each_language(locale):
    assert sentences(OCTOBER, SEPTEMBER, locale) == LANGUAGES[locale]


def tokens(amount: str, price: str, quantity: str = "1000", **fields) -> object:
    return usage_line("Tokens", quantity, amount, parts=[part(quantity, price)], **fields)


SUMS = [
    # invoice                                                             sentence
    (make_explained(FEE), "$99.00 = Platform fee $99.00."),
    (make_explained(FEE, usage_line("Tokens", "7", "0.00")), "$99.00 = Platform fee $99.00."),
    (make_explained(usage_line("Tokens", "7", "0.00")), "$0.00: no line of this invoice has an amount."),
    (make_explained(seats_line(14, included=3)), "$275.00 = 11 extra seats $275.00."),
    (make_explained(seats_line(1)), "$25.00 = 1 seat $25.00."),
    (make_explained(FEE, tax=VAT), "$117.81 = Platform fee $99.00 + VAT 19% $18.81."),
    (
        make_explained(FEE, tax=VAT, includes_tax=True),
        "$99.00 = Platform fee $99.00. This includes $15.81 of tax.",
    ),
    (
        make_explained(FEE, coupon_line("PARTNER", "-9.90")),
        "$89.10 = Platform fee $99.00 − Partner discount (PARTNER) $9.90.",
    ),
    (
        make_explained(line("proration", "Pro: Base fee (unused)", "-16.50"), fee_line("Base fee", "31.00")),
        "$14.50 = − Pro: Base fee (unused) $16.50 + Base fee $31.00.",
    ),
    (
        make_explained(FEE, line("true_up", "Pro: shortfall of the minimum commitment", "401.00")),
        "$500.00 = Platform fee $99.00 + Pro: shortfall of the minimum commitment $401.00.",
    ),
    (
        make_explained(usage_line("input", "2000000", "4.00"), usage_line("output", "500000", "5.00")),
        "$9.00 = 2.5 M tokens $9.00.",
    ),
    (
        make_explained(
            usage_line("input", "2000000", "4.00", included="500000"), usage_line("output", "500000", "5.00")
        ),
        "$9.00 = 2 M tokens $9.00.",
    ),
    (
        make_explained(FEE, usage_line("Tokens", "3000000000", "0.00", explanation={"wallet": "XCR"})),
        "$99.00 = Platform fee $99.00. Paid from the wallet: 3 B tokens.",
    ),
    (
        make_explained(FEE, settled=D("9.00")),
        "$99.00 = Platform fee $99.00. $9.00 of it was paid from the balance.",
    ),
    (make_explained(line("one_off", "Two days of work", "1800.00")), "$1,800.00 = Two days of work $1,800.00."),
    (
        make_explained(line("credit", "Pro: Base fee", "20.00"), tax=VAT, is_credit_note=True),
        "$23.80 credited = Pro: Base fee $20.00 + VAT 19% $3.80.",
    ),
    (
        make_explained(
            fee_line("Base fee", "31.00", section="alpha"),
            usage_line("Tokens", "1000", "2.00", section="alpha"),
            fee_line("Base fee", "31.00", section="beta"),
        ),
        "$64.00 = alpha $33.00 + beta $31.00.",
    ),
    (
        make_explained(*(fee_line(f"Fee {number}", f"{number}.01") for number in range(9, 0, -1)), tax=VAT),
        "$53.66 = Fee 9 $9.01 + Fee 8 $8.01 + Fee 7 $7.01 + Fee 6 $6.01 + Fee 5 $5.01 + VAT 19% $8.57"
        " + 4 other items $10.04.",
    ),
    (make_explained(usage_line("Calls: minimum of 2", "0", "2.00")), "$2.00 = Calls: minimum of 2 $2.00."),
    (make_explained(usage_line("Storage", "12.3456", "2.00", unit="GB")), "$2.00 = 12.35 GB $2.00."),
    (make_explained(usage_line("Storage", "0.001234", "2.00", unit="GB")), "$2.00 = 0.0012 GB $2.00."),
    (make_explained(usage_line("Tokens", "758036411", "2.00")), "$2.00 = 758 M tokens $2.00."),
    (make_explained(usage_line("Tokens", "308406", "2.00")), "$2.00 = 308,406 tokens $2.00."),
]


@pytest.mark.parametrize(("invoice", "text"), SUMS, ids=[text for _, text in SUMS])
def test_the_sum_names_each_part(invoice, text):
    assert " ".join(sentences(invoice)) == text


def test_many_taxes_are_one_part():
    invoice = make_explained(FEE)
    taxes = tuple(ExplainedTax(name, D(1), D("0.99")) for name in ("State", "County", "City"))
    taxed = make_explained(FEE, tax=Tax("All", D(3)))
    assert sentences(type(invoice)(**{**facts(taxed), "taxes": taxes}))[0] == (
        "$101.97 = Platform fee $99.00 + taxes $2.97."
    )


def facts(invoice: object) -> dict:
    return {name: getattr(invoice, name) for name in type(invoice).__slots__}


STEPS = [
    # former, invoice, its second sentence, whether “No price changed.” follows
    (former(FEE), make_explained(FEE), "That is as much as US-1 of October 1, 2026.", True),
    (
        former(FEE, seats_line(12, included=3)),
        make_explained(FEE, seats_line(14, included=3)),
        "That is $50.00 (15.4%) more than US-1 of October 1, 2026: $50.00 for 2 more seats.",
        True,
    ),
    (
        former(FEE, seats_line(4)),
        make_explained(FEE, seats_line(3)),
        "That is $25.00 (12.6%) less than US-1 of October 1, 2026: −$25.00 for 1 fewer seat.",
        True,
    ),
    (
        former(fee_line("Platform fee", "90.00")),
        make_explained(FEE),
        "That is $9.00 (10%) more than US-1 of October 1, 2026: $9.00 for a new price of Platform fee.",
        False,
    ),
    (
        former(tokens("2.00", "0.002", rate_id=1)),
        make_explained(tokens("6.00", "0.003", "2000", rate_id=2)),
        "That is $4.00 (200%) more than US-1 of October 1, 2026: $2.00 for 100% more tokens and $2.00 for a new price"
        " of tokens.",
        False,
    ),
    (
        former(FEE),
        make_explained(FEE, fee_line("Premium support", "500.00")),
        "That is $500.00 (505.1%) more than US-1 of October 1, 2026: $500.00 for Premium support (new).",
        True,
    ),
    (
        former(FEE, fee_line("Setup", "50.00")),
        make_explained(FEE),
        "That is $50.00 (33.6%) less than US-1 of October 1, 2026: −$50.00 for Setup (no longer billed).",
        True,
    ),
    (
        former(FEE, coupon_line("PARTNER", "-9.90")),
        make_explained(FEE, coupon_line("PARTNER", "-4.90")),
        "That is $5.00 (5.6%) more than US-1 of October 1, 2026: $5.00 for the discount Partner discount (PARTNER).",
        True,
    ),
    (
        former(FEE, tax=VAT),
        make_explained(FEE, tax=Tax("VAT", D(20))),
        "That is $0.99 (0.8%) more than US-1 of October 1, 2026: $0.99 for tax.",
        True,
    ),
    (
        former(FEE, usage_line("small", "100", "1.00"), usage_line("large", "10", "5.00")),
        make_explained(FEE, usage_line("small", "50", "0.50"), usage_line("large", "20", "10.00")),
        "That is $4.50 (4.3%) more than US-1 of October 1, 2026: $4.50 for another mix of tokens.",
        True,
    ),
    (
        former(fee_line("Setup", "1.00")),
        make_explained(fee_line("Setup", "1.00"), fee_line("Base fee", "99.00")),
        "That is $99.00 more than US-1 of October 1, 2026: $99.00 for Base fee (new).",
        True,
    ),
    (
        former(line("true_up", "Shortfall", "5.00")),
        make_explained(line("true_up", "Shortfall", "4.00")),
        "That is $1.00 (20%) less than US-1 of October 1, 2026: −$1.00 for Shortfall (changed).",
        False,
    ),
]


@pytest.mark.parametrize(("earlier", "invoice", "text", "same"), STEPS, ids=[text for _, _, text, _ in STEPS])
def test_the_bridge_gives_reasons(earlier, invoice, text, same):
    assert sentences(invoice, earlier)[1:] == [text, *(["No price changed."] if same else [])]


def test_more_than_six_steps_are_folded():
    fees = [fee_line(f"Fee {number}", f"{number}.00") for number in range(1, 9)]
    (_, second, _) = sentences(make_explained(FEE, *fees), former(FEE))
    assert second.endswith("$8.00 for Fee 8 (new), and $6.00 for 3 other changes.")
    assert second.count(" for ") == 6
