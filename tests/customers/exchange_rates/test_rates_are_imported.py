"""Rates are stored once; a repeated import changes nothing, and a correction is a further row with a reason."""

from datetime import UTC, date, datetime
from decimal import Decimal as D
from fractions import Fraction
from io import StringIO

import pytest
import time_machine
from django.core.management import CommandError, call_command
from django.db import IntegrityError, transaction

from customers.exchange_rates import stored_rates
from customers.exchange_rates.ecb_file import PublishedRate, RatesRefused
from customers.exchange_rates.stored_rates import import_rates, read_rate_book
from customers.models import ExchangeRate

pytestmark = pytest.mark.django_db
AT = datetime(2026, 2, 2, 18, tzinfo=UTC)
DAY = date(2026, 1, 30)
RATES = [PublishedRate(DAY, "USD", D("1.0811")), PublishedRate(DAY, "JPY", D("163.45"))]


def test_a_repeated_import_stores_nothing_new():
    assert import_rates(RATES, at=AT) == (2, 0, 0)
    assert import_rates(RATES, at=AT) == (0, 2, 0)
    assert ExchangeRate.objects.count() == 2


def test_a_dry_run_reports_the_same_and_stores_nothing():
    assert import_rates(RATES, at=AT, dry_run=True) == (2, 0, 0)
    assert not ExchangeRate.objects.exists()


def test_an_interrupted_import_is_completed_by_the_next_one(monkeypatch):
    monkeypatch.setattr(stored_rates, "BATCH_SIZE", 1)
    batches = iter([stored_rates._import_batch])

    def stop_after_one(*arguments, **options):
        return next(batches)(*arguments, **options)

    with monkeypatch.context() as patch:
        patch.setattr(stored_rates, "_import_batch", stop_after_one)
        with pytest.raises(StopIteration):
            import_rates(RATES, at=AT)
    assert ExchangeRate.objects.count() == 1
    assert import_rates(RATES, at=AT) == (1, 1, 0)


def test_a_correction_needs_a_reason_and_keeps_the_row_before_it():
    import_rates(RATES, at=AT)
    corrected = [PublishedRate(DAY, "USD", D("1.0900"))]
    with pytest.raises(RatesRefused, match=r"USD on 2026-01-30: the rate 1.0811 is stored"):
        import_rates(corrected, at=AT)
    assert import_rates(corrected, at=AT, reason="Corrected by the ECB") == (0, 0, 1)
    assert import_rates(corrected, at=AT, reason="Corrected by the ECB") == (0, 1, 0)
    assert ExchangeRate.objects.filter(currency="USD").count() == 2
    assert read_rate_book(["USD"], until=DAY).convert("EUR", "USD", DAY).factor == Fraction("1.09")


def test_a_day_in_the_future_is_refused():
    with pytest.raises(RatesRefused, match="2026-02-03 is in the future"):
        import_rates([PublishedRate(date(2026, 2, 3), "USD", D(1))], at=AT)


def test_a_book_of_an_earlier_day_has_no_later_rate():
    import_rates(RATES, at=AT)
    assert read_rate_book(["USD"], until=date(2026, 1, 29)).rate_on("USD", DAY) is None


def test_the_command_imports_a_file(tmp_path):
    file, output = tmp_path / "eurofxref.csv", StringIO()
    file.write_text("Date,USD\n2026-01-30,1.0811\n")
    with time_machine.travel(AT, tick=False):
        call_command("import_exchange_rates", str(file), "--dry-run", stdout=output)
        call_command("import_exchange_rates", str(file), stdout=output)
        call_command("import_exchange_rates", str(file), stdout=output)
    assert output.getvalue().splitlines() == [
        "Would store 1 new and 0 corrected rates; 0 were stored already.",
        "Stored 1 new and 0 corrected rates; 0 were stored already.",
        "Stored 0 new and 0 corrected rates; 1 were stored already.",
    ]
    with pytest.raises(CommandError, match="No such file"):
        call_command("import_exchange_rates", str(tmp_path / "missing.csv"))


def create(**fields):
    values = {"day": DAY, "currency": "USD", "rate": D(1), "recorded_at": AT, **fields}
    return ExchangeRate.objects.create(**values)


@pytest.mark.parametrize(
    ("name", "fields"),
    [
        ("only_a_correction_repeats_a_rate", {}),
        ("exchange_rate_is_above_zero", {"rate": D(0), "reason": "x"}),
        ("exchange_rate_is_above_zero", {"rate": D(-1), "reason": "x"}),
        ("exchange_rate_is_of_a_day_that_has_begun", {"day": date(2026, 2, 3)}),
        ("euro_has_no_rate_to_itself", {"currency": "EUR"}),
    ],
)
def test_the_database_refuses_impossible_rates(name, fields):
    create()
    with pytest.raises(IntegrityError, match=name), transaction.atomic():
        create(**fields)


@pytest.mark.parametrize("change", [{"rate": D(2)}, {"day": date(2026, 1, 29)}])
def test_a_stored_rate_never_changes(change):
    create()
    with pytest.raises(Exception, match="Cannot update"), transaction.atomic():
        ExchangeRate.objects.update(**change)
