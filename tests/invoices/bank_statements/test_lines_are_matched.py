"""Which invoices a line pays, by its number, its amount and its payer."""

from decimal import Decimal as D

import pytest

from invoices.payments.bank_matches import (
    BankPayer,
    InvoiceCandidate,
    Mention,
    ReceivedAmount,
    decide,
    find_mention,
    names_agree,
    near_sequences,
    rank,
    sequences_in,
)

ACME, OTHER = 1, 2


def invoice(sequence, due="119.00", *, customer=ACME, total="119.00", currency="EUR", **fields):
    number = f"US-{sequence:06}"
    return InvoiceCandidate(
        invoice_id=sequence,
        number=number,
        sequence=sequence,
        customer_id=customer,
        name={ACME: "Acme", OTHER: "Other"}[customer],
        currency=currency,
        total=D(total),
        due=D(due),
        **fields,
    )


ACMES, TWIN, PAID = invoice(367), invoice(368, customer=OTHER), invoice(367, "0")
ACMES_SECOND, IN_USD = invoice(400, "81.00"), invoice(367, currency="USD")
KNOWN, UNKNOWN = BankPayer(by_name=frozenset({ACME})), BankPayer()
ANOTHER, BY_ACCOUNT = BankPayer(by_name=frozenset({OTHER})), BankPayer(by_account=frozenset({ACME}))

CASES = [
    # text               amount    payer       candidates             booked                        why
    ("US-000367", "119", UNKNOWN, [ACMES], {367: "119"}, "US-000367 and the amount due agree."),
    ("us 367", "119", ANOTHER, [ACMES], {}, "an invoice of another customer than the payer."),
    ("us 367", "119", UNKNOWN, [ACMES, TWIN], {}, "so does US-000368, which differs by one digit"),
    ("us 367", "119", UNKNOWN, [ACMES, invoice(368)], {367: "119"}, "US-000367 and the amount due agree."),
    ("us 367", "119", KNOWN, [ACMES, TWIN], {367: "119"}, "US-000367 and the amount due agree."),
    ("us 367", "119", BY_ACCOUNT, [ACMES, TWIN], {367: "119"}, "US-000367 and the amount due agree."),
    ("us 367", "50", KNOWN, [ACMES], {367: "50"}, "Partial payment of US-000367; the payer agrees."),
    ("us 367", "50", UNKNOWN, [ACMES], {}, "neither the amount due nor the payer agrees."),
    ("us 367", "120", BY_ACCOUNT, [ACMES], {367: "120"}, "Overpayment of US-000367"),
    ("us 367", "50", KNOWN, [ACMES, invoice(361, "50")], {}, "but US-000361, which differs by one digit, has this"),
    ("us 367", "150", KNOWN, [ACMES, invoice(317, "150")], {}, "but US-000317, which differs by one digit, has this"),
    ("us 367", "50", KNOWN, [ACMES, invoice(361, "50", customer=OTHER)], {367: "50"}, "Partial payment"),
    ("us 367", "120", UNKNOWN, [ACMES], {}, "neither the amount due nor the payer agrees."),
    ("us 367", "119", KNOWN, [PAID], {}, "US-000367 is paid already: likely a double payment."),
    ("us 367", "50", KNOWN, [PAID], {}, "US-000367 has no amount due."),
    ("us 367", "119", KNOWN, [invoice(367, is_payable=False)], {}, "likely a double payment."),
    ("us 367", "119", KNOWN, [IN_USD], {}, "US-000367 is in USD, and the payment in EUR."),
    ("us 367, us 400", "200", UNKNOWN, [ACMES, ACMES_SECOND], {367: "119", 400: "81"}, "sum to the payment."),
    ("us 367, us 400", "200", ANOTHER, [ACMES, ACMES_SECOND], {}, "the payer is another customer."),
    ("us 367, us 400", "199", KNOWN, [ACMES, ACMES_SECOND], {}, "don't sum to the payment."),
    ("us 367, us 368", "238", KNOWN, [ACMES, TWIN], {}, "invoices of several customers."),
    ("us 367, us 400", "81", KNOWN, [PAID, ACMES_SECOND], {}, "not all of which have an amount due."),
    ("us 367, us 400", "200", KNOWN, [IN_USD, ACMES_SECOND], {}, "not all of them in EUR."),
    ("000367", "119", KNOWN, [ACMES], {367: "119"}, "The digits of US-000367, the amount due and the payer agree."),
    ("000367", "119", UNKNOWN, [ACMES], {}, "The text has only digits of a number."),
    ("000367", "118", KNOWN, [ACMES], {}, "The text has only digits of a number."),
    ("thanks", "119", KNOWN, [], {}, "No invoice number is in the text."),
]


@pytest.mark.parametrize(("text", "amount", "payer", "candidates", "booked", "why"), CASES)
def test_a_line_is_booked_without_doubt_only(text, amount, payer, candidates, booked, why):
    line = ReceivedAmount(amount=D(amount), currency="EUR", text=text)

    decision = decide(line, candidates=candidates, payer=payer)

    assert {booking.invoice_id: booking.amount for booking in decision.bookings} == {
        number: D(part) for number, part in booked.items()
    }
    assert why in decision.reason


def test_a_reversal_is_never_booked():
    line = ReceivedAmount(amount=D(119), currency="EUR", text="US-000367", is_reversal=True)
    assert decide(line, candidates=[ACMES], payer=KNOWN).bookings == ()


@pytest.mark.parametrize(
    ("text", "mention"),
    [
        ("US-000367", Mention.NUMBER),
        ("us367", Mention.NUMBER),
        ("Rechnung US 000 367 danke", Mention.NUMBER),
        ("US/367.", Mention.NUMBER),
        ("RE-US-000367", Mention.NUMBER),
        ("US-0000367", Mention.NUMBER),
        ("US-3670", Mention.NONE),
        ("US-13 67", Mention.NONE),
        ("BUS367", Mention.NONE),
        ("USD367", Mention.NONE),
        ("invoice 367", Mention.DIGITS),
        ("3671", Mention.NONE),
        ("EU-000368", Mention.NONE),
    ],
)
def test_numbers_are_found_as_people_write_them(text, mention):
    assert find_mention(text, "US-000367") is mention
    if mention is not Mention.NONE:
        assert 367 in sequences_in(text)


@pytest.mark.parametrize("wrong", [368, 67, 36, 3367, 376, 637, 1367, 10367, 3670])
def test_one_mistake_is_near(wrong):
    assert wrong in near_sequences(367, width=6)


@pytest.mark.parametrize("other", [367, 268, 12345, 0])
def test_two_mistakes_are_not_near(other):
    assert other not in near_sequences(367, width=6)


@pytest.mark.parametrize(
    ("payer", "customer", "agree"),
    [
        ("MUELLER MASCHINENBAU", "Müller Maschinenbau GmbH & Co. KG", True),
        ("Société Générale Énergie", "Societe Generale Energie S.A.", True),
        ("WINDMERE ROBOTICS INTERNATI", "Windmere Robotics International Holding Ltd", True),
        ("Acme", "Acme Robotics Inc.", True),
        ("Acme Labs", "Acme Robotics Inc.", False),
        ("AB", "AB Inc.", False),
        ("", "Acme", False),
        ("GmbH", "Acme GmbH", False),
    ],
)
def test_names_agree_as_banks_write_them(payer, customer, agree):
    assert names_agree(payer, customer) is agree
    assert names_agree(customer, payer) is agree


def test_suggestions_are_ranked_by_number_payer_and_amount():
    line = ReceivedAmount(amount=D(119), currency="EUR", text="US-000500")
    named, payers, near, alike = (
        invoice(500, "60"),
        invoice(367),
        invoice(501, customer=OTHER),
        invoice(900, customer=OTHER),
    )
    others = [invoice(7, "1", customer=OTHER), invoice(8, currency="USD"), invoice(9, "0")]
    candidates = [alike, near, payers, named, *others]

    ranked = rank(line, candidates=candidates, payer=KNOWN, near={501})

    assert [(suggestion.invoice.sequence, suggestion.reasons) for suggestion in ranked] == [
        (500, ("number", "name")),
        (367, ("amount", "name")),
        (501, ("amount", "near")),
        (900, ("amount",)),
    ]
