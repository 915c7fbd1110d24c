"""Attribute all events again, customer by customer, by the function that ingest uses."""

from collections.abc import Iterator
from typing import NamedTuple

from billing.audit.usage.attribution_inputs import AttributionInputs, read_attribution_inputs
from billing.audit.usage.event_reader import has_corrections, has_reports, read_chunks
from billing.metering.ingest import catalog_cache
from billing.metering.ingest.attribution import Attribution, attribute_event
from billing.metering.ingest.event_reader import StoredEvent, to_received_event
from billing.metering.ingest.parser import ReceivedEvent
from billing.metering.store import corrections
from billing.metering.store.event_removals import read_removed
from billing.metering.store.unmatched_usage import ReportState, read_reports
from billing.models import EventRemoval

NO_REPORTS: dict[int | None, ReportState] = {}

MAX_LEFT_BEHIND = 100
"""Keys of events kept in memory that should have been deleted."""


class AttributedEvent(NamedTuple):
    """
    A stored event, and where it counts.

    reports: meter → its report as unmatched usage. correction_sequence: place of the correction that removed it.
    """

    row: StoredEvent
    event: ReceivedEvent
    attribution: Attribution
    reports: dict[int | None, ReportState]
    correction_sequence: int | None


class AttributedEvents:
    """
    All events, in the order of their customers, except those that have left.

    inputs: those of the customers read so far, unless forgotten. left_behind: keys of events that should have been
    deleted by now.
    """

    def __init__(self) -> None:
        self.catalog = catalog_cache.refresh()
        self.inputs = AttributionInputs({}, {}, set(), {})
        self.left_behind: list[str] = []
        self._removed = read_removed()
        self._unfinished = set(
            EventRemoval.objects.filter(finished_at__isnull=True).values_list("customer", flat=True)
        )

    def __iter__(self) -> Iterator[AttributedEvent]:
        reported, corrected = has_reports(), has_corrections()
        for chunk in read_chunks():
            rows = [row for row in chunk if not self._has_left(row)] if self._removed else chunk
            self._read_customers({row.customer_id for row in rows if row.customer_id is not None})
            keys = [row.key for row in rows] if reported or corrected else []
            reports = read_reports(keys) if reported else {}
            corrections_by_key = corrections.read_corrections(keys) if corrected else {}
            for row in rows:
                event = to_received_event(row)
                customer = self.inputs.customers.get(row.customer_id) if row.customer_id is not None else None
                attribution = attribute_event(event, catalog=self.catalog, customer=customer)
                correction = corrections_by_key.get(row.key)
                yield AttributedEvent(
                    row, event, attribution, reports.get(row.key, NO_REPORTS), correction and correction.sequence
                )

    def _has_left(self, row: StoredEvent) -> bool:
        removed = self._removed.get(row.customer_id)
        if removed is None or row.occurred_at >= removed.until:
            return False
        if row.customer_id not in self._unfinished and len(self.left_behind) < MAX_LEFT_BEHIND:
            self.left_behind.append(row.key)
        return True

    def forget(self, *, up_to: int) -> None:
        """Drop the inputs of customers up to this one, which bounds the memory."""
        self.inputs = read_attribution_inputs(
            [customer_id for customer_id in self.inputs.customers if customer_id > up_to]
        )

    def _read_customers(self, customer_ids: set[int]) -> None:
        """Read the inputs of customers that have not been read yet."""
        if new_ids := customer_ids - self.inputs.customers.keys():
            inputs = read_attribution_inputs(new_ids)
            self.inputs.customers |= inputs.customers
            self.inputs.subscribed_at |= inputs.subscribed_at
            self.inputs.rezoned_ids |= inputs.rezoned_ids
            self.inputs.marks |= inputs.marks
