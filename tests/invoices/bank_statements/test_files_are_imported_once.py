"""A file is imported once, whatever overlaps, races or dies."""

from dataclasses import replace
from datetime import date

import pytest

from invoices.models import BankAccount, BankBooking, BankLine, BankStatement, Payment
from invoices.payments.bank_files import BankFileRefused
from invoices.payments.bank_files.csv_file import CsvColumns
from invoices.payments.bank_statements.file_import import (
    import_bank_file,
    preview_bank_file,
    read_remembered_columns,
)
from invoices.payments.bank_statements.match_run import match_lines
from tests.builders import make_seller
from tests.invoices.bank_statements.bank_rows import (
    NOW,
    Requester,
    Transfer,
    camt,
    import_content,
    import_transfers,
    make_due,
    make_user,
)
from tests.killed_processes import kill_at
from tests.races import together

pytestmark = pytest.mark.django_db
ACME = "Acme Robotics GmbH"
FIRST, SECOND = Transfer("119.00", "INV-00001", ACME), Transfer("50.00", "INV-00002", ACME)


def test_an_overlapping_file_brings_its_new_lines_only():
    import_transfers(FIRST)

    imported = import_transfers(FIRST, SECOND, number=2)

    assert (imported.new, imported.repeated) == (1, 1)
    statement = imported.statements[0]
    assert (statement.lines_in_file, statement.repeated, statement.lines.count()) == (2, 1, 1)
    assert import_transfers(FIRST, SECOND, number=2).statements == []


def test_equal_payments_of_a_day_are_two_lines():
    assert import_transfers(FIRST, FIRST).new == 2
    assert import_transfers(FIRST, FIRST, FIRST).new == 1
    assert import_transfers(replace(FIRST, day=date(2026, 3, 5))).new == 1


def test_a_repeated_reference_of_the_bank_with_another_amount_is_another_line():
    assert import_transfers(replace(FIRST, reference="X"), replace(SECOND, reference="X")).new == 2


def test_the_same_movement_of_another_account_is_another_line():
    import_transfers(FIRST)
    assert import_transfers(FIRST, account="DE99").new == 1


def test_a_preview_stores_nothing():
    import_transfers(FIRST)

    (preview,) = preview_bank_file(seller=make_seller(), content=camt([FIRST, SECOND]))

    assert (preview.new, preview.repeated) == (1, 1)
    assert BankLine.objects.count() == 1


def test_an_account_belongs_to_one_seller():
    import_transfers(FIRST)
    with pytest.raises(BankFileRefused, match="belongs to Acme Inc"):
        import_content(camt([SECOND]), seller=make_seller("other", legal_name="Other Ltd"))


def test_a_refused_file_stores_nothing():
    with pytest.raises(BankFileRefused, match="closing balance"):
        import_transfers(FIRST, closing="1.00")
    assert not BankAccount.objects.exists()


def test_the_columns_of_an_account_are_remembered():
    columns = CsvColumns(date="Tag", amount="Betrag", text="Zweck", default_currency="EUR")
    content = b"Tag;Betrag;Zweck\n04.03.2026;119,00;INV-00001\n"
    arguments = {"seller": make_seller(), "file_name": "a.csv", "by": Requester(user=make_user()), "at": NOW}
    import_bank_file(content=content, account="de 1", columns=columns, **arguments)

    assert read_remembered_columns(account="DE1") == columns
    assert import_bank_file(content=content, account="DE1", **arguments).repeated == 1


@pytest.mark.django_db(transaction=True)
def test_two_imports_and_two_workers_book_once():
    make_due(ACME)
    content = camt([FIRST, replace(FIRST, text="INV-00001 again"), replace(FIRST, text="INV-00001 once more")])
    make_seller(), make_user()

    imported = together(*[lambda: import_content(content)] * 2)
    together(*[lambda: match_lines(at=NOW)] * 2)

    assert sorted(part.new for part in imported) == [0, 3]
    assert BankStatement.objects.count() == 1
    assert Payment.objects.count() == 1
    assert sorted(BankLine.objects.values_list("state", flat=True)) == ["booked", "review", "review"]


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("place", ["bank_line.between_bookings", "bank_line.before_commit"])
def test_a_worker_killed_while_it_books_leaves_nothing_half_done(place, tmp_path):
    make_due(ACME)
    make_due(ACME, "50.00")
    import_transfers(Transfer("169.00", "INV-00001 INV-00002", ACME))

    kill_at(place, lambda: match_lines(at=NOW), tmp_path)

    assert BankLine.objects.get().state == "new"
    assert not Payment.objects.exists()
    assert not BankBooking.objects.exists()
    match_lines(at=NOW)
    assert BankLine.objects.get().state == "booked"
    assert Payment.objects.count() == BankBooking.objects.count() == 2


@pytest.mark.django_db(transaction=True)
def test_an_import_that_is_killed_stores_nothing(tmp_path):
    make_seller(), make_user()

    kill_at("bank_import.before_commit", lambda: import_transfers(FIRST), tmp_path)

    assert not BankAccount.objects.exists()
    assert import_transfers(FIRST).new == 1
