"""Promotions as bulk work: the table is cut into pieces of rows, and each piece is granted at one go."""

from collections.abc import Iterator, Sequence
from datetime import datetime
from itertools import islice
from typing import BinaryIO

import msgspec
from django.contrib.auth.models import AbstractBaseUser

from billing.jobs import start
from billing.jobs.file_reader import open_job_file
from billing.jobs.kinds import ItemOutcome, JobDefinition, SplitFailed
from billing.models import Job, JobItem
from billing.models.jobs import JobKind
from billing.subscriptions.bulk_grants.grant_rows import (
    COLUMNS,
    REQUIRED_COLUMNS,
    GrantProblem,
    GrantRow,
    parse_grant_rows,
)
from customers.notifications import announce_all
from lib.audit_log import audited_transaction
from lib.tabular_files import MOST_BYTES, FileRefused, TableRow, read_table
from wallets.ledger.grant import Grant, grant_all
from wallets.ledger.locked_wallets import lock_wallets
from wallets.ledger.wallet_lookup import find_or_open_wallets
from wallets.models import Lot
from wallets.operations.manual_grants import grant_announcement

ROWS_PER_ITEM = 200
"""Rows of one item, whose wallets are held together while it is done."""


def start_promotion(
    *, file: BinaryIO, file_name: str, sandbox: bool, by: AbstractBaseUser | None, at: datetime
) -> Job:
    """
    Store a table of grants (CSV or XLSX) as a job that tries it, and grants nothing until it is done for real.

    :raises FileRefused: if it cannot be read, or its columns are not those of grants.
    """
    file.seek(0)
    if not _read(file.read(MOST_BYTES + 1), file_name):
        raise FileRefused("There is no row below the first line, which names the columns.")
    try:
        return start.start(
            kind=JobKind.PROMOTION,
            title=f"Grants from {file_name}",
            parameters={"sandbox": sandbox},
            dry_run=True,
            by=by,
            at=at,
            file=file,
            file_name=file_name,
        )
    except start.JobFileRefused as refusal:
        raise FileRefused(str(refusal)) from refusal


def _read(content: bytes, name: str) -> list[TableRow]:
    return read_table(content, name=name, columns=COLUMNS, needed=REQUIRED_COLUMNS)


def _cut(job: Job, after: JobItem | None) -> Iterator[JobItem]:
    try:
        rows = iter(_read(open_job_file(job).read(), job.file_name))
    except FileRefused as refusal:
        raise SplitFailed(str(refusal)) from refusal
    number = after.number if after else 0
    rows = islice(rows, number * ROWS_PER_ITEM, None)
    while piece := list(islice(rows, ROWS_PER_ITEM)):
        number += 1
        content = msgspec.json.encode([(row.number, dict(row.cells)) for row in piece])
        yield JobItem(job=job, number=number, parameters={"begin": piece[0].number}, content=content)


def _do(item: JobItem, at: datetime) -> ItemOutcome:
    job = item.job
    rows = [TableRow(*one) for one in msgspec.json.decode(item.content or b"[]")]
    gifts, problems = parse_grant_rows(rows, sandbox=job.parameters["sandbox"], at=job.created_at)
    new, before, conflicts = _told_apart(gifts)
    if not job.dry_run:
        with audited_transaction("grant promotions", by=job.by, at=at):
            _give(new, at=at, by_id=job.by_id)
    problems = sorted([*problems, *conflicts])
    figures = {"rows": len(rows), "granted": len(new), "before": before, "refused": len(problems)}
    return ItemOutcome(figures, [one._asdict() for one in problems], keeps_content=job.dry_run or bool(problems))


def _told_apart(gifts: Sequence[GrantRow]) -> tuple[list[GrantRow], int, list[GrantProblem]]:
    """Return which are new, how many were granted before, and those whose key has granted something else."""
    customers = [one.sought.customer_id for one in gifts]
    lots = Lot.objects.filter(wallet__customer__in=customers, source__in=[one.grant.source for one in gifts])
    there = {(lot.wallet.customer_id, lot.source): lot for lot in lots.select_related("wallet")}
    new, conflicts = [], []
    for one in gifts:
        lot = there.get((one.sought.customer_id, one.grant.source))
        if lot is None:
            new.append(one)
        elif (lot.amount, lot.wallet.unit) != (one.grant.amount, one.sought.unit):
            told = f"It has granted {lot.amount.normalize():,f} {lot.wallet.unit} before: choose another key."
            conflicts.append(GrantProblem(one.row, one.customer, "key", told))
    return new, len(gifts) - len(new) - len(conflicts), conflicts


def _give(gifts: Sequence[GrantRow], *, at: datetime, by_id: int | None) -> None:
    wallets = find_or_open_wallets([one.sought for one in gifts], at=at)
    # All at once, in the order of all others, since what follows goes reason by reason.
    lock_wallets([wallet.pk for wallet in wallets.values()], used_at=at)
    by_reason: dict[str, dict[int, list[Grant]]] = {}
    for one in gifts:
        by_reason.setdefault(one.reason, {}).setdefault(wallets[one.sought].pk, []).append(one.grant)
    of = {wallet.pk: wallet for wallet in wallets.values()}
    for reason, grants in by_reason.items():
        made = grant_all(grants=grants, at=at, reason=reason, by_id=by_id)
        told = [grant_announcement(of[id_], lot) for id_, lots in made.items() for lot in lots]
        announce_all(kind="wallet.granted", announcements=told, at=at)


PROMOTION = JobDefinition(permission="wallets.grant_credits", split=_cut, process=_do, columns=GrantProblem._fields)
"""Grants from a table as bulk work."""
