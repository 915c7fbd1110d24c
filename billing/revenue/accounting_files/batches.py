"""
Make the accounting files of a seller's month for a target, and mark them as imported.

Source: docs/accounting-files.md#batches.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from itertools import chain

from django.contrib.auth.models import User
from django.db.models import Case, OuterRef, QuerySet, Subquery, When
from django.utils.translation import gettext as _

from billing.models import AccountingTarget, ExportBatch
from billing.models.accounting_files import BatchState
from billing.revenue.accounting_files.account_rules import (
    AccountRules,
    KeySum,
    UnmappedAmount,
    list_unmapped,
    read_account_rules,
)
from billing.revenue.accounting_files.batch_rows import (
    BatchRows,
    add_rows,
    digest_of,
    map_sums,
    parse_rows,
    stored_rows,
    subtract_rows,
)
from billing.revenue.accounting_files.file_store import next_batch_id, store_files
from billing.revenue.accounting_files.formats.datev import fiscal_year_start
from billing.revenue.accounting_files.formats.journal import Book, JournalEntry, LedgerAccount, UnwritableFile
from billing.revenue.accounting_files.formats.targets import WRITERS
from billing.revenue.accounting_files.formats.writer import write_files
from billing.revenue.accounting_files.journal_entries import (
    EntryNumbers,
    PairOfAccounts,
    entries_by_accounts,
    entries_by_source,
    identity_of,
)
from billing.revenue.accounting_files.posting_reader import (
    FrozenPostings,
    OpenPostings,
    Postings,
    read_currencies,
    read_sums,
)
from billing.revenue.ledger.books import read_books
from customers.exchange_rates.stored_rates import read_rate_book
from customers.models import Seller
from invoices.documents.calendar_months import last_day_of, month_of
from invoices.models import MonthLock
from lib.audit_log import audited_transaction
from lib.currencies import MINOR_UNITS
from lib.money import round_to

RATE_UNIT = Decimal("0.000001")
"""The decimals of an exchange rate in files."""


class BatchRefused(ValueError):
    """The files can't be made or marked; the text gives the reason and the way out."""


class NothingToExport(BatchRefused):
    """The month has no postings that the files would contain, or none that earlier batches don't."""


class MonthIsLocked(BatchRefused):
    """Provisional files were requested of a locked month, whose files are final."""


class RateMissing(BatchRefused):
    """The target needs an exchange rate that is not stored."""


class MappingIncomplete(BatchRefused):
    """Amounts have no account that the target can take; `unmapped` lists them."""

    def __init__(self, text: str, unmapped: Sequence[UnmappedAmount]) -> None:
        super().__init__(text)
        self.unmapped = list(unmapped)


@dataclass(frozen=True, slots=True)
class _Source:
    """The postings of a batch, the rules that map them, and the batches before it."""

    postings: Postings
    rules: AccountRules
    sums: list[KeySum]
    lock: MonthLock | None
    chain: tuple[ExportBatch, ...]
    earlier_sums: list[KeySum]

    @property
    def predecessor(self) -> ExportBatch | None:
        return self.chain[-1] if self.chain else None


def make_batch(
    *,
    seller: Seller,
    month: date,
    target: str,
    currency: str,
    is_provisional: bool = False,
    is_detailed: bool | None = None,
    exchange_rate: Decimal | None = None,
    by: User | None,
    at: datetime,
) -> ExportBatch:
    """
    Make the files of a seller's month in one currency.

    A locked month gets a final batch, or one with the difference to the final ones before. is_provisional: make the
    files of an open month instead, from its postings as of `at`; the month's final batch replaces them.
    is_detailed: whether it has an entry for each source; None for the target's setting.
    exchange_rate: units of the currency for one of the seller's, for targets that require it; default: the stored
    rate of the month's last day.

    :raises MappingIncomplete: if an amount has no account that the target can take.
    :raises NothingToExport: if the files would have no entry.
    :raises BatchRefused: if the month is open and the files are not provisional, or the other way round; it is being
        locked; the target takes the seller's own currency only; an exchange rate is missing; or the target can't
        write an amount.
    """
    _check_request(seller, month, target, currency)
    with audited_transaction("accounting files made", by=by, at=at):
        setting, _created = AccountingTarget.objects.select_related("seller").get_or_create(
            seller=seller, target=target
        )
        if exchange_rate is None:
            exchange_rate = _stored_rate(seller, month, target, currency)
        source = _read_source(seller, month, target, currency, is_provisional=is_provisional, at=at)
        detailed = setting.is_detailed if is_detailed is None else is_detailed
        batch = _new_batch(setting, month, currency, source, detailed, exchange_rate, by=by, at=at)
        rows, remapped = _rows_of(source)
        numbers = EntryNumbers(month, batch.first_number, is_provisional=source.lock is None)
        book = _book(setting, batch, rows, source)
        entries = _entries(source, rows, remapped, detailed, numbers, by_name=WRITERS[target].identifies_by_name)
        try:
            batch.sha256 = store_files(batch.pk, write_files(WRITERS[target](book), entries))
        except UnwritableFile as refusal:
            raise BatchRefused(str(refusal)) from refusal
        if not numbers.given:
            raise NothingToExport(_nothing(source, currency))
        batch.entries = numbers.given
        batch.rows = stored_rows(rows)
        batch.digest = digest_of(batch.rows)
        batch.save(force_insert=True)
    return batch


def mark_imported(*, batch_id: int, by: User | None, at: datetime) -> ExportBatch:
    """
    Mark a batch as imported into its target, which is final.

    :raises BatchRefused: if it is provisional, or marked already.
    """
    with audited_transaction("accounting files imported", by=by, at=at):
        # Row lock: of two clicks, the second one is refused instead of replacing the first one's time.
        batch = ExportBatch.objects.select_for_update().get(pk=batch_id)
        if batch.state == BatchState.PROVISIONAL:
            raise BatchRefused(_("%(batch)s is provisional. Lock the month, then make its files.") % {"batch": batch})
        if batch.state == BatchState.IMPORTED:
            raise BatchRefused(_("%(batch)s is already marked as imported.") % {"batch": batch})
        batch.state, batch.imported_by, batch.imported_at = BatchState.IMPORTED, by, at
        batch.save(update_fields=["state", "imported_by", "imported_at"])
    return batch


def add_replacements(batches: QuerySet[ExportBatch]) -> QuerySet[ExportBatch]:
    """Add `replaced_by` to provisional batches: the id of the first final one of the same amounts, if any."""
    final = ExportBatch.objects.exclude(state=BatchState.PROVISIONAL).filter(
        **{name: OuterRef(name) for name in ("seller", "month", "target", "currency")}
    )
    first = Subquery(final.order_by("pk").values("pk")[:1])
    return batches.annotate(replaced_by=Case(When(state=BatchState.PROVISIONAL, then=first)))


def list_unmapped_amounts(
    *, seller: Seller, month: date, targets: Iterable[str], at: datetime
) -> dict[str, dict[str, list[UnmappedAmount]]]:
    """
    Return the amounts of a month without an account that a target can take, by target and currency.

    An open month has the amounts that are posted by `at`. Currencies that a target leaves out are left out here.
    """
    lock = find_frozen_lock(seller, month)
    rules = {target: read_account_rules(seller=seller, target=target, month=month) for target in targets}
    if not rules:
        return {}
    by_group = any(rules_of_target.uses_customer_groups for rules_of_target in rules.values())
    sums = read_sums(seller, month, lock=lock, by_group=by_group, at=at)
    unmapped: dict[str, dict[str, list[UnmappedAmount]]] = {}
    for target, rules_of_target in rules.items():
        for currency, of_currency in sums.items():
            rows = list_unmapped(of_currency, rules=rules_of_target, writer=WRITERS[target])
            if rows and not is_left_out(seller, target, currency):
                unmapped.setdefault(target, {})[currency] = rows
    return unmapped


def list_currencies(seller: Seller, month: date, *, at: datetime) -> list[str]:
    """Return the currencies that a month has postings in; an open one, by `at`."""
    return read_currencies(seller, month, lock=find_frozen_lock(seller, month), at=at)


def is_left_out(seller: Seller, target: str, currency: str) -> bool:
    """Return whether a target has no column for currencies, and this one is not the seller's own."""
    return WRITERS[target].is_in_book_currency and currency != seller.currency


def find_frozen_lock(seller: Seller, month: date) -> MonthLock | None:
    """
    Return the lock in force of a month; None if the month is open.

    :raises BatchRefused: if the month is being locked, so that not all of its postings are frozen yet.
    """
    lock = MonthLock.objects.filter(seller=seller, month=month, unlocked_at__isnull=True).first()
    if lock is not None and lock.frozen_at is None:
        text = _("%(month)s of %(seller)s is being locked. Make its files once that is done.")
        raise BatchRefused(text % {"month": f"{month:%Y-%m}", "seller": seller})
    return lock


def _check_request(seller: Seller, month: date, target: str, currency: str) -> None:
    if target not in WRITERS:
        raise BatchRefused(_("There is no target “%(target)s”. Choose one of %(targets)s.") % {
            "target": target, "targets": ", ".join(WRITERS),
        })  # fmt: skip
    if month != month_of(month):
        raise BatchRefused(_("%(date)s is not a month. Enter the first day of a month.") % {"date": month})
    if is_left_out(seller, target, currency):
        text = _("%(target)s takes %(book)s only, the seller's currency. Book the amounts in %(currency)s by hand.")
        raise BatchRefused(text % {"target": target, "book": seller.currency, "currency": currency})


def _read_source(
    seller: Seller, month: date, target: str, currency: str, *, is_provisional: bool, at: datetime
) -> _Source:
    lock = find_frozen_lock(seller, month)
    names = {"month": f"{month:%Y-%m}", "seller": seller}
    if lock is None and not is_provisional:
        raise BatchRefused(_("%(month)s of %(seller)s is open. Lock it, or make provisional files.") % names)
    if lock is not None:
        if is_provisional:
            raise MonthIsLocked(_("%(month)s of %(seller)s is locked. Make its final files.") % names)
        # Row lock: until the commit, the month can't be unlocked, and no other batch of it gets the same numbers. A
        # rollback leaves no gap.
        lock = MonthLock.objects.select_for_update(no_key=True).get(pk=lock.pk)
    rules = read_account_rules(seller=seller, target=target, month=month)
    batches = _final_batches(seller, month, target, currency) if lock else ()
    less = batches[-1].lock if batches else None
    postings = _postings_of(seller, month, currency, lock, rules, less=less, at=at)
    sums, earlier_sums = postings.sums(), postings.earlier_sums()
    if unmapped := list_unmapped([*sums, *earlier_sums], rules=rules, writer=WRITERS[target]):
        raise MappingIncomplete(_unmapped_text(unmapped, currency), unmapped)
    return _Source(postings, rules, sums, lock, batches, earlier_sums)


def _postings_of(
    seller: Seller,
    month: date,
    currency: str,
    lock: MonthLock | None,
    rules: AccountRules,
    *,
    less: MonthLock | None,
    at: datetime,
) -> FrozenPostings | OpenPostings:
    if lock is not None:
        return FrozenPostings(lock, currency, by_group=rules.uses_customer_groups, less=less)
    books = read_books(seller, at=at)
    if month not in books.months:
        text = _("The books of %(seller)s have no month %(month)s. Choose one from %(first)s to %(last)s.")
        months = {"first": f"{books.months[0]:%Y-%m}", "last": f"{books.months[-1]:%Y-%m}"}
        raise BatchRefused(text % {"seller": seller, "month": f"{month:%Y-%m}", **months})
    return OpenPostings(books, month, currency, by_group=rules.uses_customer_groups)


def _stored_rate(seller: Seller, month: date, target: str, currency: str) -> Decimal | None:
    """
    Return the stored exchange rate of the month's last day, if the target needs one.

    :raises RateMissing: if there is none on or before that day.
    """
    base = str(seller.currency)
    if not WRITERS[target].needs_exchange_rate or currency == base:
        return None
    day = last_day_of(month)
    conversion = read_rate_book([base, currency], until=day).convert(base, currency, day)
    if conversion.factor is None:
        raise RateMissing(conversion.problem)
    return round_to(conversion.factor, RATE_UNIT)


def _final_batches(seller: Seller, month: date, target: str, currency: str) -> tuple[ExportBatch, ...]:
    batches = ExportBatch.objects.filter(seller=seller, month=month, target=target, currency=currency)
    return tuple(batches.exclude(state=BatchState.PROVISIONAL).select_related("lock").order_by("pk"))


def _new_batch(
    setting: AccountingTarget,
    month: date,
    currency: str,
    source: _Source,
    is_detailed: bool,
    exchange_rate: Decimal | None,
    *,
    by: User | None,
    at: datetime,
) -> ExportBatch:
    """Return a batch with the next number of the seller's month, not stored yet."""
    is_provisional = source.lock is None
    first = 1 if is_provisional else next_entry_number(setting.seller, month)
    number = EntryNumbers(month, first, is_provisional).next()
    return ExportBatch(
        pk=next_batch_id(),
        seller=setting.seller,
        month=month,
        target=setting.target,
        currency=currency,
        is_detailed=is_detailed,
        state=BatchState.PROVISIONAL if is_provisional else BatchState.FINAL,
        label=f"PROVISIONAL-{month:%Y-%m}-{currency}" if is_provisional else number,
        first_number=first,
        lock=source.lock,
        predecessor=source.predecessor,
        exchange_rate=exchange_rate if currency != setting.seller.currency else None,
        made_by=by,
        made_at=at,
    )


def next_entry_number(seller: Seller, month: date) -> int:
    """Return the number that follows the last entry of a seller's month. The caller holds the month's lock."""
    last = (
        ExportBatch.objects.filter(seller=seller, month=month)
        .exclude(state=BatchState.PROVISIONAL)
        .order_by("first_number")
        .last()
    )
    return last.first_number + last.entries if last else 1


def _rows_of(source: _Source) -> tuple[BatchRows, BatchRows]:
    """
    Return the rows of a batch, and the part of them that moves amounts of earlier batches to other accounts.

    The second part is due to mappings or customers' groups that have changed since.
    """
    exported = add_rows(parse_rows(batch.rows) for batch in source.chain)
    rows = subtract_rows(map_sums(source.sums, source.rules), exported)
    remapped = subtract_rows(map_sums(source.earlier_sums, source.rules), exported)
    return rows, remapped


def _entries(
    source: _Source,
    rows: BatchRows,
    remapped: BatchRows,
    is_detailed: bool,
    numbers: EntryNumbers,
    *,
    by_name: bool,
) -> Iterator[JournalEntry]:
    if not is_detailed:
        return entries_by_accounts(rows, numbers=numbers, by_name=by_name)
    by_source = entries_by_source(source.postings.rows(), pairs=_pairs_of(source), numbers=numbers, by_name=by_name)
    moved = entries_by_accounts(remapped, numbers=numbers, by_name=by_name, remark="Accounts changed: ")
    return chain(by_source, moved)


def _pairs_of(source: _Source) -> dict[int, PairOfAccounts]:
    pairs = {}
    for key_sum in [*source.sums, *source.earlier_sums]:
        key = key_sum.key
        debit, credit = source.rules.account_of(key.debit, key), source.rules.account_of(key.credit, key)
        if debit is not None and credit is not None:  # `_read_source` has refused amounts without an account
            pairs[key_sum.code] = PairOfAccounts(key.debit, key.credit, debit, credit)
    return pairs


def _book(setting: AccountingTarget, batch: ExportBatch, rows: BatchRows, source: _Source) -> Book:
    seller = setting.seller
    by_name = WRITERS[setting.target].identifies_by_name
    accounts = {account: None for key in sorted(rows) for account in (key.debit, key.credit)}
    accounts |= {account: None for pair in _pairs_of(source).values() for account in (pair.debit, pair.credit)}
    known = set() if source.lock is None else _accounts_of_earlier_files(setting, by_name=by_name)
    return Book(
        label=batch.label,
        seller=seller.legal_name,
        currency=batch.currency,
        base_currency=seller.currency,
        month=batch.month,
        created_at=batch.made_at,
        is_provisional=batch.state == BatchState.PROVISIONAL,
        places=max(2, -int(MINOR_UNITS[batch.currency].as_tuple().exponent)),
        company_number=seller.company_number,
        exchange_rate=batch.exchange_rate,
        consultant=setting.consultant,
        client=setting.client,
        chart=setting.chart,
        account_length=setting.account_length,
        fiscal_year_start=fiscal_year_start(batch.month, setting.fiscal_year_month),
        subsidiary=setting.subsidiary,
        tracking_category=setting.tracking_category,
        accounts=tuple(accounts),
        new_accounts=tuple(account for account in accounts if identity_of(account, by_name=by_name)[0] not in known),
    )


def _accounts_of_earlier_files(setting: AccountingTarget, *, by_name: bool) -> set[str]:
    batches = ExportBatch.objects.filter(seller=setting.seller, target=setting.target)
    stored = batches.exclude(state=BatchState.PROVISIONAL).values_list("rows", flat=True)
    return {
        identity_of(LedgerAccount(*account), by_name=by_name)[0]
        for rows in stored
        for row in rows
        for account in (row["debit"], row["credit"])
    }


def _unmapped_text(unmapped: Sequence[UnmappedAmount], currency: str) -> str:
    rows = "; ".join(
        f"{row}: {row.amount:,.2f} {currency}{f'. {row.problem}' if row.problem else ''}" for row in unmapped[:10]
    )
    return _("Map these amounts to accounts first: %(rows)s") % {"rows": rows}


def _nothing(source: _Source, currency: str) -> str:
    if source.predecessor is not None:
        text = _("Nothing in %(currency)s has changed since %(batch)s.")
        return text % {"currency": currency, "batch": source.predecessor}
    return _("The month has no amounts in %(currency)s to export.") % {"currency": currency}
