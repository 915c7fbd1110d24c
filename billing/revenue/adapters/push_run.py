"""Send due records to their targets."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from hashlib import sha256

from django.db.models import F, Q

from billing.models import SyncRecord, SyncTarget
from billing.models.adapters import MAX_ERROR, MAX_LOG, RecordKind, SyncState
from billing.revenue.adapters.adapter import Adapter, OurRecord, RecordRefused, TargetBlocked, TryFailed
from billing.revenue.adapters.api_client import REJECTED_PAUSE
from billing.revenue.adapters.sources import read_record
from billing.revenue.adapters.targets import RECORDS, make_adapter
from lib.encryption import SecretUnreadable
from lib.error_text import storable_error_text
from lib.failpoints import hit_failpoint
from lib.queue import NO_DEADLINE, Deadline, Lease

MAX_REMOTE_ID = 100
COMPANY_WAIT = timedelta(minutes=1)
"""How long a deal waits for its company to be sent."""


@dataclass(slots=True)
class PushTotals:
    """Numbers of records by outcome in one run. postponed: because of their target, or of the company of a deal."""

    synced: int = 0
    failed: int = 0
    refused: int = 0
    postponed: int = 0


def push_due(*, at: datetime, deadline: Deadline = NO_DEADLINE) -> PushTotals:
    """
    Send the due records, concurrently with other workers, and return the totals.

    A killed worker's record is sent again when its lease ends, and looked up first.
    """
    run = PushRun(at=at)
    open_targets = Q(target__is_enabled=True) & (
        Q(target__paused_until__isnull=True) | Q(target__paused_until__lte=at)
    )
    # The condition is read with each claim, so a target that this run pauses gets no further record.
    for lease in RECORDS.claims(at=at, among=open_targets, deadline=deadline):
        run.push(lease)
    return run.totals


@dataclass(slots=True)
class PushRun:
    """One worker's run. adapters: by target; each keeps its access token for the run."""

    at: datetime
    adapters: dict[int, Adapter] = field(default_factory=dict)
    totals: PushTotals = field(default_factory=PushTotals)

    def push(self, lease: Lease) -> None:
        """Send one record as it is now, and store the outcome unless the lease was lost."""
        row = RECORDS.held(lease).select_related("target__seller").first()
        if row is None:
            return
        record = read_record(row, at=self.at)
        if record is None:
            self._accept(lease, row, row.digest, row.remote_id, "nothing to send: the row is not of this target")
        elif row.kind == RecordKind.DEAL and not record.parent_id:
            self._release(lease, row, "The company is sent first.", pause=COMPANY_WAIT)
        else:
            self._send(lease, row, record)

    def _send(self, lease: Lease, row: SyncRecord, record: OurRecord) -> None:
        try:
            remote_id = self._upsert(row, record)
            hit_failpoint("adapters.sent")
        except RecordRefused as refusal:
            self._refuse(lease, row, record, str(refusal))
        except TryFailed as failure:
            self._pause(row.target, str(failure), pause=failure.pause)
            self._retry(lease, row, str(failure))
        except TargetBlocked as block:
            self._pause(row.target, str(block), pause=block.pause)
            self._release(lease, row, str(block), pause=block.pause)
        except SecretUnreadable as error:
            self._pause(row.target, str(error), pause=REJECTED_PAUSE)
            self._release(lease, row, str(error), pause=REJECTED_PAUSE)
        except Exception as error:  # an answer that the adapter does not expect: other records go on
            self._retry(lease, row, f"{type(error).__name__}: {error}")
        else:
            SyncTarget.objects.filter(pk=row.target_id).exclude(error="").update(error="", paused_until=None)
            text = f"sent as {remote_id}" if remote_id else "nothing to send: the target never had it"
            self._accept(lease, row, record.digest, remote_id, text)

    def _upsert(self, row: SyncRecord, record: OurRecord) -> str:
        """Return the target's id of the record; empty if it is obsolete and the target never had it."""
        if row.target_id not in self.adapters:
            self.adapters[row.target_id] = make_adapter(row.target)
        adapter = self.adapters[row.target_id]
        # An earlier try may have created the record although its answer was lost, or its worker was killed.
        remote_id = row.remote_id or adapter.look_up(record)
        if record.is_obsolete and not remote_id:
            return ""
        key = _idempotency_key(row, record)
        id_ = adapter.upsert(record, remote_id=remote_id, key=key)
        if remote_id and not id_:  # it was deleted in the target since
            id_ = adapter.look_up(record) or adapter.upsert(record, remote_id="", key=f"{key}-again")
        if not 0 < len(id_) <= MAX_REMOTE_ID:
            raise TryFailed(f"The target named the record “{id_[:20]}”, which is no id.")
        if SyncRecord.objects.filter(target=row.target, kind=row.kind, remote_id=id_).exclude(pk=row.pk).exists():
            raise RecordRefused(f"The target's record {id_} is already another row's. Merge the two in the target.")
        return id_

    # Outcomes --------------------------------------------------------------------------------------------

    def _accept(self, lease: Lease, row: SyncRecord, digest: str, remote_id: str, text: str) -> None:
        """Store the content that the target has now."""
        self.totals.synced += RECORDS.held(lease).update(
            **RECORDS.due_at(None),
            state=SyncState.SYNCED,
            digest=digest,
            remote_id=remote_id,
            sent_at=self.at,
            attempts=0,
            error="",
            log=self._extended_log(row, SyncState.SYNCED, text),
        )

    def _refuse(self, lease: Lease, row: SyncRecord, record: OurRecord, reason: str) -> None:
        """Give up until the content changes, or a person sends the record again."""
        self.totals.refused += RECORDS.held(lease).update(
            **RECORDS.due_at(None),
            state=SyncState.REFUSED,
            digest=record.digest,
            error=_storable(reason),
            log=self._extended_log(row, SyncState.REFUSED, reason),
        )

    def _retry(self, lease: Lease, row: SyncRecord, reason: str) -> None:
        log = self._extended_log(row, SyncState.FAILED, reason)
        self.totals.failed += RECORDS.postpone(lease, reason=reason, at=self.at, state=SyncState.FAILED, log=log)

    def _release(self, lease: Lease, row: SyncRecord, reason: str, *, pause: timedelta) -> None:
        """Postpone a record that is not to blame; the try does not count."""
        self.totals.postponed += RECORDS.held(lease).update(
            **RECORDS.due_at(self.at + pause), attempts=F("attempts") - 1, error=_storable(reason)
        )

    def _pause(self, target: SyncTarget, reason: str, *, pause: timedelta) -> None:
        if pause:
            paused = {"paused_until": self.at + pause, "error": _storable(reason)}
            SyncTarget.objects.filter(pk=target.pk).update(**paused)

    def _extended_log(self, row: SyncRecord, state: SyncState, text: str) -> list[dict[str, str]]:
        entry = {"at": self.at.isoformat(timespec="seconds"), "state": str(state), "text": _storable(text)}
        return [*row.log, entry][-MAX_LOG:]


def _idempotency_key(row: SyncRecord, record: OurRecord) -> str:
    """
    Return the same key for each try to send the same content, until it was accepted.

    The time of the last success is part of it, so that content that changes and changes back is sent again.
    """
    return sha256(f"{row.target_id} {row.pk} {record.digest} {row.sent_at}".encode()).hexdigest()


def _storable(text: str) -> str:
    return storable_error_text(text)[:MAX_ERROR]
