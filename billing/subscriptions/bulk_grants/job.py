"""Promotions as a background job: the table is split into items of some rows, and each item is granted at once."""

from collections.abc import Iterator, Sequence
from datetime import datetime
from itertools import islice
from typing import BinaryIO

import msgspec
from django.contrib.auth.models import User
from django.utils.translation import gettext as _

from billing.jobs import start
from billing.jobs.definitions import ItemOutcome, JobDefinition, SplitFailed
from billing.jobs.file_reader import open_job_file
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
from lib.tabular_files import MAX_BYTES, FileRefused, TableRow, read_table
from wallets.ledger.grant import Grant, grant_all
from wallets.ledger.locked_wallets import lock_wallets
from wallets.ledger.wallet_lookup import find_or_open_wallets
from wallets.models import Lot
from wallets.operations.manual_grants import grant_announcement

ROWS_PER_ITEM = 200
"""Rows of one item, whose wallets are locked together while it is processed."""


def start_promotion(*, file: BinaryIO, file_name: str, sandbox: bool, by: User | None, at: datetime) -> Job:
    """
    Store a table of grants (CSV or XLSX) as a job that runs dry first: it grants nothing until it is run for real.

    :raises FileRefused: if the file can't be read, or its columns are not those of grants.
    """
    file.seek(0)
    # One byte more than allowed, so that a larger file is noticed.
    if not _read(file.read(MAX_BYTES + 1), file_name):
        raise FileRefused(_("The file has no rows below its header."))
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


def _split(job: Job, after: JobItem | None) -> Iterator[JobItem]:
    try:
        rows = iter(_read(open_job_file(job).read(), job.file_name))
    except FileRefused as refusal:
        raise SplitFailed(str(refusal)) from refusal
    number = after.number if after else 0
    rows = islice(rows, number * ROWS_PER_ITEM, None)
    while item_rows := list(islice(rows, ROWS_PER_ITEM)):
        number += 1
        content = msgspec.json.encode([(row.number, dict(row.cells)) for row in item_rows])
        yield JobItem(job=job, number=number, parameters={"begin": item_rows[0].number}, content=content)


def _process(item: JobItem, at: datetime) -> ItemOutcome:
    job = item.job
    rows = [TableRow(*number_and_cells) for number_and_cells in msgspec.json.decode(item.content or b"[]")]
    grant_rows, problems = parse_grant_rows(rows, sandbox=job.parameters["sandbox"], at=job.created_at)
    new, repeated_count, conflicts = _find_new(grant_rows)
    if not job.dry_run:
        with audited_transaction("grant promotions", by=job.by, at=at):
            _grant(new, at=at, by_id=job.by_id)
    problems = sorted([*problems, *conflicts])
    # Grants made before count apart: the item may be a retry.
    figures = {"rows": len(rows), "granted": len(new), "before": repeated_count, "refused": len(problems)}
    return ItemOutcome(
        figures, [problem._asdict() for problem in problems], keeps_content=job.dry_run or bool(problems)
    )


def _find_new(grant_rows: Sequence[GrantRow]) -> tuple[list[GrantRow], int, list[GrantProblem]]:
    """Return the new grants, the number of grants made before, and those whose key has granted something else."""
    customers = [grant_row.sought.customer_id for grant_row in grant_rows]
    lots = Lot.objects.filter(
        wallet__customer__in=customers, source__in=[grant_row.grant.source for grant_row in grant_rows]
    )
    stored_lots = {(lot.wallet.customer_id, lot.source): lot for lot in lots.select_related("wallet")}
    new, conflicts = [], []
    for new_grant in grant_rows:
        lot = stored_lots.get((new_grant.sought.customer_id, new_grant.grant.source))
        if lot is None:
            new.append(new_grant)
        elif (lot.amount, lot.wallet.unit) != (new_grant.grant.amount, new_grant.sought.unit):
            detail = f"This key already granted {lot.amount.normalize():,f} {lot.wallet.unit}. Choose another key."
            conflicts.append(GrantProblem(new_grant.row, new_grant.customer, "key", detail))
    return new, len(grant_rows) - len(new) - len(conflicts), conflicts


def _grant(grant_rows: Sequence[GrantRow], *, at: datetime, by_id: int | None) -> None:
    wallets = find_or_open_wallets([grant_row.sought for grant_row in grant_rows], at=at)
    # All wallets at once and in the usual order, because the grants follow by reason, which would lock them in any
    # order.
    lock_wallets([wallet.pk for wallet in wallets.values()], used_at=at)
    by_reason: dict[str, dict[int, list[Grant]]] = {}
    for row in grant_rows:
        by_reason.setdefault(row.reason, {}).setdefault(wallets[row.sought].pk, []).append(row.grant)
    wallets_by_id = {wallet.pk: wallet for wallet in wallets.values()}
    for reason, grants in by_reason.items():
        lots_by_wallet = grant_all(grants=grants, at=at, reason=reason, by_id=by_id)
        announcements = [
            grant_announcement(wallets_by_id[id_], lot) for id_, lots in lots_by_wallet.items() for lot in lots
        ]
        announce_all(kind="wallet.granted", announcements=announcements, at=at)


PROMOTION = JobDefinition(
    permission="wallets.grant_credits", split=_split, process=_process, columns=GrantProblem._fields
)
"""Grants from a table as a background job."""
