"""Raw SQL that violates a constraint or trigger of the invoice tables is refused by it."""

from datetime import timedelta

import pytest
from django.db import connection

from billing.closing import close_due
from invoices.models import Invoice
from tests.builders import (
    FEB,
    fee,
    make_customer,
    make_plan,
    make_seller,
    make_tax,
    offer,
    publish,
    rate,
    subscribe,
    use,
)
from tests.db_refusals import named_constraints, refused_by
from tests.invoices.bank_statements.test_the_database_checks_bank_lines import CASES as BANK_CASES
from tests.invoices.test_the_database_checks_payments import CASES as PAYMENTS
from tests.invoices.test_the_database_checks_payments import UNREACHED

pytestmark = pytest.mark.django_db

DRAFT = """
INSERT INTO invoices_invoice (kind, corrects_id, reference, seller_id, customer_id, sandbox, state, period_start,
    period_end, currency, net, tax, total, seller_facts, buyer_facts, purchase_order, note, created_at, number,
    sequence)
SELECT {kind}, {corrects}, {reference}, seller_id, customer_id, false, {state}, period_start, period_end, currency,
    {net}, {tax}, {total}, '{{}}', '{{}}', '', '', now(), {number}, {sequence}
FROM invoices_invoice ORDER BY id LIMIT 1
"""


def draft(**changes: str) -> str:
    values = {
        "kind": "'invoice'",
        "corrects": "NULL",
        "reference": "'new'",
        "state": "'draft'",
        "net": "0",
        "tax": "0",
        "total": "0",
    }
    return DRAFT.format(**{**values, "number": "NULL", "sequence": "NULL", **changes})


LINE = """
INSERT INTO invoices_line (invoice_id, position, kind, corrects_line_id, description, service_start, service_end,
    quantity, unit, currency, amount, tax_rate, explanation)
SELECT id, {position}, {kind}, {line}, '', now(), now(), {quantity}, '', currency, {amount}, {rate}, '{{}}'
FROM invoices_invoice WHERE state = 'draft'
"""


def line(**changes: str) -> str:
    values = {"position": "7", "kind": "'fee'", "quantity": "1", "amount": "1", "rate": "0", "line": "NULL"}
    return LINE.format(**{**values, **changes})


TAX = """
INSERT INTO invoices_invoicetax (invoice_id, name, rate, reason, currency, taxable, amount)
SELECT id, '', {rate}, '', currency, {taxable}, {amount} FROM invoices_invoice WHERE state = 'draft'
"""


def tax(**changes: str) -> str:
    return TAX.format(**{"rate": "5", "taxable": "1", "amount": "1", **changes})


COUPON = """
INSERT INTO invoices_discount (invoice_id, coupon_line_id, line_id, amount)
SELECT c.invoice_id, c.id, l.id, {amount}
FROM invoices_line c JOIN invoices_line l USING (invoice_id), generate_series(1, {times})
WHERE c.kind = 'coupon' AND l.position = 1
"""


def coupon(*, off: str = "4", share: str = "4", rate: str = "19", times: int = 1) -> str:
    """Return the statements that apply a coupon to the draft's line."""
    coupon_line = line(position="2", kind="'coupon'", amount=f"-{off}", rate=rate)
    return f"{coupon_line}; {COUPON.format(amount=share, times=times)}"


UNSHARED = [line(position="2", kind="'coupon'", amount="-4", rate="19"), line(position="3", amount="4", rate="19")]
"""A coupon that is assigned to no line, and a fee that balances it."""


ISSUE = (
    "UPDATE invoices_invoice i SET state = 'issued', series_id = s.id, sequence = 99, number = '99',"
    " issued_at = now(), issue_date = now(), due_date = now(){} FROM invoices_numberseries s WHERE i.state = 'draft'"
)

ISSUED = "UPDATE invoices_invoice SET {} WHERE state = 'issued'"

# A credit note of $2 and its tax for the issued invoice: its rows first, as issuing writes them.
CREDIT = """
INSERT INTO invoices_line (invoice_id, position, kind, description, corrects_line_id, service_start, service_end,
    quantity, unit, currency, amount, tax_rate, explanation)
SELECT nextval('invoices_invoice_id_seq'), 1, {line_kind}, '', {line}, now(), now(), 1, '', 'USD', {net}, {rate},
    '{{}}'
FROM invoices_line l JOIN invoices_invoice i ON i.id = l.invoice_id AND i.state = 'issued' WHERE l.position = 1;
INSERT INTO invoices_invoicetax (invoice_id, name, rate, reason, currency, taxable, amount)
SELECT currval('invoices_invoice_id_seq'), 'VAT', {rate}, '', 'USD', {net}, {tax};
INSERT INTO invoices_invoice (id, kind, reference, corrects_id, reason, credit_to, seller_id, customer_id, sandbox,
    state, series_id, sequence, number, issued_at, issue_date, due_date, period_start, period_end, currency, net,
    tax, total, seller_facts, buyer_facts, purchase_order, note, created_at)
SELECT currval('invoices_invoice_id_seq'), {kind}, 'note', id, {reason}, {credit_to}, {seller}, {customer}, sandbox,
    {state}, series_id, 99, 'CN-9', issued_at, issue_date, due_date, period_start, period_end, currency, {net},
    {tax}, {net} + {tax}, '{{}}', '{{}}', '', '', now()
FROM invoices_invoice WHERE state = 'issued'
"""


def credit_note(**changes: str) -> str:
    values = {"kind": "'credit_note'", "reason": "'x'", "credit_to": "'refund'", "state": "'issued'", "rate": "19"}
    values |= {"seller": "seller_id", "customer": "customer_id", "net": "2", "tax": "0.38", "line": "l.id"}
    return CREDIT.format(**{**values, "line_kind": "'credit'", **changes})


PAYMENT = """
INSERT INTO invoices_payment (invoice_id, amount, currency, method, reference, paid_at, reason, created_at)
SELECT id, {amount}, {currency}, {method}, {reference}, now(), '', now()
FROM invoices_invoice, generate_series(1, {times}) WHERE state = {state}
"""


def payment(**changes: str) -> str:
    values = {"amount": "2", "currency": "currency", "method": "'manual'", "reference": "'bank'", "state": "'issued'"}
    return PAYMENT.format(**{**values, "times": "1", **changes})


SECTION = """
INSERT INTO invoices_section (invoice_id, position, reference, name, first_line, last_line)
SELECT {invoice}, {position}, {reference}, 'x', {first}, {last} FROM invoices_invoice WHERE state = 'draft'
"""


def section(**changes: str) -> str:
    """Return the statement that puts the draft's line under a heading."""
    values = {"invoice": "id", "position": "1", "reference": "'period:7'", "first": "1", "last": "1"}
    return SECTION.format(**{**values, **changes})


def joined(*sections: dict[str, str], reference: str = "periods:7") -> str:
    """Return the statements that insert sections and then their invoice, which has no lines."""
    invoice_id = {"invoice": "(SELECT last_value + 1 FROM invoices_invoice_id_seq)"}
    return ";".join(
        [*(section(**{**invoice_id, **columns}) for columns in sections), draft(reference=f"'{reference}'")]
    )


BESIDE = {"position": "2", "reference": "'period:8'", "first": "2", "last": "2"}

UNDO = "UPDATE invoices_monthlock SET unlock_reason = '', unlocked_at = NULL"

LOCK = """
INSERT INTO invoices_monthlock (seller_id, month, checklist, sums, note, locked_at, ends_at, unlock_reason,
    unlocked_at)
SELECT seller_id, {month}, '[]', '[]', '', {locked_at}, {month}::date + interval '1 month', {reason}, {unlocked_at}
FROM invoices_invoice CROSS JOIN generate_series(1, {times}) WHERE state = 'issued'
"""


def lock(**changes: str) -> str:
    """Return the statement that locks January 2026, a month later."""
    values = {"month": "'2026-01-01'", "locked_at": "'2026-02-20'", "reason": "''", "unlocked_at": "NULL"}
    return LOCK.format(**{**values, "times": "1", **changes})


WRITE_OFF = """
INSERT INTO invoices_writeoff (invoice_id, amount, tax, reverses_tax, reason, at)
SELECT id, {amount}, {tax}, false, '', now() FROM invoices_invoice WHERE state = 'issued' LIMIT 1
"""
SHARE = """
INSERT INTO invoices_writeoffshare (write_off_id, line_id, amount)
SELECT w.id, (SELECT min(id) FROM invoices_line), {amount} FROM invoices_writeoff w
"""


def write_off(amount: str = "1", tax: str = "0") -> str:
    """Return the statement that writes an invoice off."""
    return WRITE_OFF.format(amount=amount, tax=tax)


UNLOCKED = lock(reason="'x'", unlocked_at="'2026-02-21'")
FEBRUARY = lock(month="'2026-02-01'", locked_at="'2026-03-02'")
IN_JANUARY = "issue_date = '2026-01-31'"

NOTE = """
    INSERT INTO invoices_invoicenote (invoice_id, text, by_id, at) SELECT min(id), '{}', 1, now()
    FROM invoices_invoice
"""

LABELS = """
    INSERT INTO invoices_invoicelabels (invoice_id, metadata, tags) SELECT min(id), {} FROM invoices_invoice
"""

CASES = [
    ("invoice_note_says_something", NOTE.format("")),
    ("pgtrigger", ";".join([NOTE.format("x"), "UPDATE invoices_invoicenote SET text = 'y'"])),
    ("pgtrigger", ";".join([NOTE.format("x"), "DELETE FROM invoices_invoicenote"])),
    ("invoice_metadata_is_text_by_key", LABELS.format("""'{"a": 5}', '{}'""")),
    ("invoice_tags_are_few_slugs", LABELS.format("'{}', '{two words}'")),
    # locks of months
    ("month_is_locked_once_at_a_time", lock(times="2")),
    ("locked_month_is_named_by_its_first_day", lock(month="'2026-01-02'")),
    ("locked_month_is_named_by_its_first_day", lock(month="'1999-01-01'")),
    ("unlocked_month_says_when_and_why", lock(unlocked_at="'2026-02-21'")),
    ("unlocked_month_says_when_and_why", lock(reason="'x'")),
    ("unlocked_month_says_when_and_why", lock(reason="'x'", unlocked_at="'2026-02-19'")),
    ("month_lock_is_only_undone", lock(locked_at="'2026-01-31 23:00Z'")),
    ("month_lock_is_only_undone", ";".join([lock(), "UPDATE invoices_monthlock SET note = 'x'"])),
    ("month_lock_is_only_undone", ";".join([lock(), "DELETE FROM invoices_monthlock"])),
    ("month_lock_is_only_undone", ";".join([UNLOCKED, UNDO])),
    ("locked_month_takes_no_invoice", f"{lock()}; {ISSUE.format('').replace('issue_date = now()', IN_JANUARY)}"),
    ("locked_month_takes_no_invoice", f"{FEBRUARY}; {credit_note()}"),
    ("frozen_month_has_a_digest", f"{lock()}; UPDATE invoices_monthlock SET frozen_at = now()"),  # noqa: S608
    ("frozen_month_has_a_digest", f"{lock()}; UPDATE invoices_monthlock SET postings = 1"),  # noqa: S608
    # write-offs
    ("something_is_written_off", write_off("0")),
    ("something_is_written_off", write_off("'NaN'")),
    ("written_off_tax_is_within_the_amount", write_off(tax="2")),
    ("written_off_tax_is_within_the_amount", write_off(tax="-1")),
    ("written_off_share_is_finite", f"{write_off()}; {SHARE}".format(amount="'NaN'")),
    # payments
    ("payment_counts_once", payment(times="2")),
    ("payment_is_above_zero_unless_it_takes_one_back", payment(amount="0")),
    ("payment_is_above_zero_unless_it_takes_one_back", payment(amount="'NaN'")),
    ("payment_has_a_reference", payment(reference="''")),
    ("payment_method_is_known", payment(method="'other'")),
    ("no_more_is_paid_than_was_invoiced", payment(amount="99")),
    ("no_more_is_paid_than_is_due", credit_note() + ";" + payment(amount="total")),
    ("no_more_is_paid_than_is_due", payment(currency="'EUR'")),
    ("no_more_is_paid_than_was_invoiced", payment(state="'draft'", amount="99")),
    ("no_more_is_paid_than_is_due", payment(state="'draft'")),
    ("pgtrigger", ";".join([payment(), "UPDATE invoices_payment SET amount = 1"])),
    ("pgtrigger", ";".join([payment(), "DELETE FROM invoices_payment"])),
    ("issued_invoice_changes_only_its_state", ISSUED.format("paid = 1")),
    ("issued_invoice_changes_only_its_state", ISSUED.format("returned = 1")),
    ("no_more_is_returned_than_was_credited", "UPDATE invoices_invoice SET returned = 1 WHERE state = 'draft'"),
    ("invoice_is_paid_when_nothing_is_due", ISSUED.format("state = 'paid'")),
    # coupons
    ("coupon_is_shared_out_whole", coupon(share="3")),
    ("coupon_is_shared_out_whole", coupon(off="40", share="40")),
    ("coupon_is_shared_out_whole", coupon(rate="7")),
    ("coupon_takes_off_a_line_once", coupon(off="8", times=2)),
    ("discount_is_above_zero", coupon(share="'NaN'")),
    ("discount_is_above_zero", coupon(off="0", share="0")),
    ("issued_invoice_equals_its_lines", "; ".join([*UNSHARED, ISSUE.format("")])),
    # documents
    ("invoice_state_is_known", ISSUE.replace("'issued'", "'other'").format("")),
    ("nothing_is_billed_twice", draft(reference="reference")),
    ("number_is_given_once_per_series", ISSUE.replace("99, number", "1, number").format("")),
    ("number_names_one_invoice_of_a_seller", ISSUE.replace("'99'", "'INV-000001'").format("")),
    ("invoice_has_a_number_if_and_only_if_issued", draft(number="'INV-9'")),
    ("invoice_has_a_number_if_and_only_if_issued", draft(state="'issued'")),
    ("invoice_has_a_number_if_and_only_if_issued", draft(sequence="9")),
    ("invoice_total_is_net_plus_tax", draft(net="1", tax="1", total="3")),
    ("invoice_net_days_are_365_at_most", "UPDATE invoices_invoice SET net_days = 366 WHERE state = 'draft'"),
    ("issued_invoice_equals_its_lines", ISSUE.format(", includes_tax = true")),
    ("invoice_net_is_finite", draft(net="'NaN'", total="'NaN'")),
    ("invoice_tax_is_finite", draft(tax="'NaN'", total="'NaN'")),
    ("invoice_total_is_never_negative", draft(net="-1", total="-1")),
    ("invoice_kind_is_known", draft(kind="'other'")),
    # credit notes
    ("credit_note_has_an_invoice_a_reason_and_a_destination", credit_note(reason="''")),
    ("credit_note_has_an_invoice_a_reason_and_a_destination", credit_note(credit_to="''")),
    ("credit_note_has_an_invoice_a_reason_and_a_destination", credit_note(credit_to="'other'")),
    ("credit_note_has_an_invoice_a_reason_and_a_destination", credit_note(kind="'invoice'")),
    ("credit_note_is_issued_at_once", credit_note(state="'overdue'")),
    ("no_more_is_credited_than_was_invoiced", credit_note(net="20", tax="3.8")),
    ("no_more_is_credited_than_was_invoiced", "UPDATE invoices_invoice SET credited = 'NaN' WHERE state = 'draft'"),
    ("line_is_credited_up_to_its_net", credit_note(net="6", tax="1.14")),
    ("line_is_credited_up_to_its_net", credit_note(rate="7")),
    (
        "line_is_credited_up_to_its_net",
        credit_note(line="(SELECT max(id) FROM invoices_line)"),
    ),
    (
        "issued_invoice_equals_its_lines",
        ";".join(
            [
                line(kind="'credit'", amount="0", rate="19", line="(SELECT min(id) FROM invoices_line)"),
                ISSUE.format(""),
            ]
        ),
    ),
    ("correction_is_of_the_same_parties", credit_note(customer="(SELECT max(id) FROM customers_customer)")),
    ("credit_names_the_line_that_it_is_of", credit_note(line="NULL")),
    ("credit_names_the_line_that_it_is_of", credit_note(line_kind="'fee'")),
    (
        "invoice_is_replaced_by_one_other",
        ";".join(draft(reference=reference, corrects="id") for reference in ("'one'", "'two'")),
    ),
    ("issued_invoice_changes_only_its_state", ISSUED.format("credited = 1")),
    # lines and taxes of a draft
    ("line_kind_is_known", line(kind="'other'")),
    ("line_position_is_used_once", line(position="1")),
    ("line_quantity_is_finite", line(quantity="'NaN'")),
    ("line_amount_is_finite", line(amount="'NaN'")),
    ("line_tax_rate_is_0_to_100_percent", line(rate="100.0001")),
    ("line_tax_rate_is_0_to_100_percent", line(rate="'NaN'")),
    ("invoice_tax_rate_is_0_to_100_percent", tax(rate="-1")),
    ("taxable_amount_is_finite", tax(taxable="'NaN'")),
    ("tax_amount_is_finite", tax(amount="'NaN'")),
    ("tax_rate_is_listed_once", tax(rate="19")),
    # sections
    ("section_position_is_used_once", "; ".join([section(), section(**BESIDE | {"position": "1"})])),
    ("no_section_is_billed_twice", "; ".join([section(), section(**BESIDE | {"reference": "'period:7'"})])),
    ("section_has_a_line", section(first="0")),
    ("section_has_a_line", section(first="2")),
    ("sections_of_an_invoice_never_overlap", f"{section(last='2')}; {section(**BESIDE)}"),
    ("section_bills_no_invoiced_reference", section(reference="'new'")),
    ("issued_invoice_keeps_its_rows", section().replace("state = 'draft'", "state = 'issued'")),
    ("invoice_is_the_sum_of_its_sections", "; ".join([section(), draft(reference="'period:7'")])),
    ("invoice_is_the_sum_of_its_sections", joined()),
    ("invoice_is_the_sum_of_its_sections", joined({}, reference="period:7")),
    ("invoice_is_the_sum_of_its_sections", joined({}, BESIDE)),
    # an issued invoice equals its rows and is not changed
    ("issued_invoice_equals_its_lines", ISSUE.format(", net = 11, total = 12.9")),
    ("issued_invoice_equals_its_lines", ISSUE.format(", tax = 2, total = 12")),
    ("issued_invoice_equals_its_lines", ISSUE.format(", currency = 'EUR'")),
    ("issued_invoice_changes_only_its_state", ISSUED.format("net = net + 1, total = total + 1")),
    ("issued_invoice_changes_only_its_state", ISSUED.format("number = 'INV-9'")),
    ("issued_invoice_changes_only_its_state", ISSUED.format("buyer_facts = '{}'")),
    ("issued_invoice_changes_only_its_state", ISSUED.format("state = 'draft'")),
    ("issued_invoice_changes_only_its_state", "DELETE FROM invoices_invoice WHERE state = 'issued'"),
    ("issued_invoice_keeps_its_rows", "UPDATE invoices_line SET amount = amount + 1"),
    ("issued_invoice_keeps_its_rows", "DELETE FROM invoices_line"),
    ("issued_invoice_keeps_its_rows", line().replace("state = 'draft'", "state = 'issued'")),
    ("issued_invoice_keeps_its_rows", "UPDATE invoices_invoicetax SET amount = amount + 1"),
    ("issued_invoice_keeps_its_rows", "DELETE FROM invoices_invoicetax"),
    ("issued_invoice_keeps_its_rows", tax(rate="6").replace("state = 'draft'", "state = 'issued'")),
    (
        "issued_invoice_keeps_its_rows",
        "UPDATE invoices_line SET position = 9, invoice_id = (SELECT id FROM invoices_invoice WHERE state = 'issued')"
        " WHERE invoice_id IN (SELECT id FROM invoices_invoice WHERE state = 'draft')",
    ),
    # numbers and rates
    (
        "seller_has_a_series_once",
        "INSERT INTO invoices_numberseries (seller_id, code, prefix, sandbox, last_number)"
        " SELECT seller_id, code, 'OTHER-', false, 0 FROM invoices_numberseries",
    ),
    (
        "numbers_of_two_series_never_look_alike",
        "INSERT INTO invoices_numberseries (seller_id, code, prefix, sandbox, last_number)"
        " SELECT seller_id, 'other', prefix, false, 0 FROM invoices_numberseries",
    ),
    ("series_numbers_a_known_kind", "UPDATE invoices_numberseries SET kind = 'other'"),
    ("last_number_is_finite", "UPDATE invoices_numberseries SET last_number = 2000000000000"),
    ("tax_rate_is_0_to_100_percent", "UPDATE invoices_taxrate SET rate = 101"),
    ("tax_rate_ends_after_start", "UPDATE invoices_taxrate SET valid_to = valid_from"),
    ("tax_level_is_1_to_5", "UPDATE invoices_taxrate SET level = 6"),
    ("tax_rate_of_a_region_names_its_country", "UPDATE invoices_taxrate SET region = 'CA'"),
    ("only_a_tax_of_zero_has_a_reason", "UPDATE invoices_taxrate SET reason = 'Export'"),
    (
        "one_tax_rate_is_in_force_at_a_time",
        "INSERT INTO invoices_taxrate (seller_id, name, country, rate, valid_from)"
        " SELECT seller_id, name, country, 1, valid_from + 100 FROM invoices_taxrate",
    ),
    # files
    (
        "live_numbers_go_by_real_time",
        "WITH made AS (INSERT INTO customers_testclock (name, now, failure, created_at)"
        " VALUES ('a', now(), '', now()) RETURNING id)"
        " UPDATE invoices_numberseries SET test_clock_id = made.id FROM made",
    ),
    (
        "rendering_has_a_hash_if_and_only_if_done",
        "INSERT INTO invoices_rendering (invoice_id, content, sha256, attempts, error)"
        " SELECT id, 'x', '', 1, '' FROM invoices_invoice",
    ),
]


@pytest.fixture(scope="module", autouse=True)
def invoice_rows(shared_transaction: None) -> None:
    """Create an issued invoice over $10 and 19% tax, and an equal draft."""
    make_tax("19")
    offers = [offer("api.calls", rates=[rate("0.05")])]
    use(
        subscribe(make_customer(), publish(make_plan(fees=[fee("5", billed="arrears")], offers=offers))),
        "api.calls",
        100,
    )
    close_due(at=FEB + timedelta(hours=1))
    assert Invoice.objects.get().total.amount * 100 == 1190
    make_customer()
    with connection.cursor() as cursor:
        cursor.execute(draft(net="10", tax="1.9", total="11.9"))
        cursor.execute(line(position="1", amount="10", rate="19"))
        cursor.execute(tax(rate="19", taxable="10", amount="1.9"))


@pytest.mark.parametrize(("name", "statement"), CASES)
def test_a_violated_constraint_is_rejected(name: str, statement: str):
    assert refused_by(statement) == name


def test_every_constraint_is_tested():
    tested = {name for name, _ in (*CASES, *PAYMENTS, *BANK_CASES)}
    assert named_constraints("invoices") <= tested | set(UNREACHED)


def test_a_draft_that_equals_its_lines_may_be_issued():
    assert refused_by(ISSUE.format("")) == "nothing"


def test_a_credit_note_within_its_bounds_is_accepted():
    assert refused_by(credit_note()) == "nothing"


def test_an_invoice_of_a_locked_month_can_still_be_paid():
    assert refused_by(f"{FEBRUARY}; {payment(amount='total')}") == "nothing"


LIFE = [
    ("issued", "paid", "invoice_is_paid_when_nothing_is_due"),
    ("issued", "overdue", "nothing"),
    ("issued", "void", "nothing"),
    ("issued", "uncollectible", "nothing"),
    ("overdue", "issued", "issued_invoice_changes_only_its_state"),
    ("void", "paid", "issued_invoice_changes_only_its_state"),
]


@pytest.mark.parametrize(("before", "after", "refused"), LIFE)
def test_only_the_transitions_of_the_life_cycle_are_allowed(before: str, after: str, refused: str):
    Invoice.objects.filter(state="issued").update(state=before)
    assert refused_by("UPDATE invoices_invoice SET state = %s WHERE state = %s", after, before) == refused


@pytest.mark.parametrize("before", ["issued", "overdue", "uncollectible"])
def test_a_payment_of_the_amount_due_makes_it_paid_permanently(before: str):
    Invoice.objects.filter(state="issued").update(state=before)
    with connection.cursor() as cursor:
        cursor.execute(payment(amount="total", state=f"'{before}'"))
    assert Invoice.objects.get(number="INV-000001").state == "paid"
    for after in ("issued", "void"):
        change = "UPDATE invoices_invoice SET state = %s WHERE state = 'paid'"
        assert refused_by(change, after) == "issued_invoice_changes_only_its_state"


def test_changes_of_state_are_stored_in_the_history():
    Invoice.objects.filter(state="issued").update(state="overdue")
    with connection.cursor() as cursor:
        cursor.execute("SELECT state FROM invoices_invoiceevent")
        assert cursor.fetchall() == [("overdue",)]
    assert refused_by("DELETE FROM invoices_invoiceevent") == "pgtrigger"


def test_other_sellers_may_use_the_same_numbers():
    same = ISSUE.replace("'99'", "'INV-000001'").format(", seller_id = %s")
    assert refused_by(same, make_seller("other").pk) == "nothing"
