"""Store published rates, and read them for conversions."""

from collections.abc import Collection, Iterable, Sequence
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import NamedTuple

from django.contrib.auth.models import User
from django.db import transaction

from customers.exchange_rates.conversion import EURO, DatedRate, RateBook
from customers.exchange_rates.ecb_file import PublishedRate, RatesRefused
from customers.models import ExchangeRate
from customers.models.exchange_rates import MAX_REASON
from lib.decimals import to_plain_string

ECB = "ECB"
# About a month of all currencies; each batch is a transaction, so an import may be stopped and repeated.
BATCH_SIZE = 1_000


class ImportedRates(NamedTuple):
    """new, same: rates that were stored, or stored already. corrected: rates that replace another one."""

    new: int
    same: int
    corrected: int


def import_rates(
    rates: Sequence[PublishedRate],
    *,
    at: datetime,
    by: User | None = None,
    source: str = ECB,
    reason: str = "",
    dry_run: bool = False,
) -> ImportedRates:
    """
    Store published rates; rates that are stored already are skipped, so an import can be repeated.

    reason: why stored rates change; without one, a rate that differs from the stored one refuses the import.

    :raises RatesRefused: if a day is in the future, or a stored rate differs and no reason is given.
    """
    _check_days(rates, at)
    if len(reason) > MAX_REASON:
        raise RatesRefused(f"The reason may have up to {MAX_REASON} characters.")
    total = ImportedRates(0, 0, 0)
    ordered = sorted(set(rates))
    for start in range(0, len(ordered), BATCH_SIZE):
        batch = ordered[start : start + BATCH_SIZE]
        stored = _import_batch(batch, source=source, reason=reason, at=at, by=by, dry_run=dry_run)
        total = ImportedRates(*map(sum, zip(total, stored, strict=True)))
    return total


def _import_batch(
    rates: Sequence[PublishedRate], *, source: str, reason: str, at: datetime, by: User | None, dry_run: bool
) -> ImportedRates:
    with transaction.atomic():
        current = _read_current(rates, source)
        changed = [rate for rate in rates if current.get((rate.currency, rate.day), rate.rate) != rate.rate]
        if changed and not reason:
            rate = changed[0]
            stored_rate = to_plain_string(current[rate.currency, rate.day])
            raise RatesRefused(
                f"{rate.currency} on {rate.day:%Y-%m-%d}: the rate {stored_rate} is stored, and the file has"
                f" {to_plain_string(rate.rate)}. Give a reason to correct it."
            )
        new = [rate for rate in rates if (rate.currency, rate.day) not in current]
        if not dry_run:
            rows = [_row(rate, source, "", at, by) for rate in new]
            rows += [_row(rate, source, reason, at, by) for rate in changed]
            # Another import may have stored the same new rates meanwhile; a rate without a reason is stored once.
            ExchangeRate.objects.bulk_create(rows, ignore_conflicts=True)
    return ImportedRates(len(new), len(rates) - len(new) - len(changed), len(changed))


def _check_days(rates: Iterable[PublishedRate], at: datetime) -> None:
    today = at.astimezone(UTC).date()
    future = next((rate for rate in rates if rate.day > today), None)
    if future is not None:
        raise RatesRefused(f"{future.currency}: the day {future.day:%Y-%m-%d} is in the future.")


def _row(rate: PublishedRate, source: str, reason: str, at: datetime, by: User | None) -> ExchangeRate:
    return ExchangeRate(
        source=source,
        day=rate.day,
        currency=rate.currency,
        rate=rate.rate,
        reason=reason,
        recorded_at=at,
        recorded_by=by,
    )


def _read_current(rates: Sequence[PublishedRate], source: str) -> dict[tuple[str, date], Decimal]:
    """Return (currency, day) → the stored rate that counts."""
    rows = ExchangeRate.objects.filter(
        source=source, currency__in={rate.currency for rate in rates}, day__in={rate.day for rate in rates}
    )
    return {
        (currency, day): rate for currency, day, rate in rows.order_by("pk").values_list("currency", "day", "rate")
    }


def read_rate_book(currencies: Collection[str], *, until: date, source: str = ECB) -> RateBook:
    """Return the rates of these currencies up to a day, in one query."""
    rates: dict[str, list[DatedRate]] = {currency: [] for currency in currencies if currency != EURO}
    rows = ExchangeRate.objects.filter(source=source, currency__in=rates, day__lte=until)
    # In the order of storage, so that a correction replaces the rate before it.
    for currency, day, rate in rows.order_by("pk").values_list("currency", "day", "rate"):
        rates[currency].append(DatedRate(day, rate))
    return RateBook(rates)
