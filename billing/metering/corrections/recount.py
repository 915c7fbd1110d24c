"""
Count usage anew in other periods than those that it was counted in: where a plan change is undone.

Two steps, since the periods change in between: what the former ones hold is forgotten, and what wallets paid for it
comes back; then the same events are attributed by the function that ingest uses, counted and paid for once more.
"""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime

from django.db import connection

from billing.metering.drawdown import draw_down
from billing.metering.ingest import catalog_cache, customer_cache, event_recorder
from billing.metering.ingest.attribution import Attribution, Route, RouteStop
from billing.metering.ingest.event_reader import StoredEvent, read_pages, to_received_event
from billing.metering.ingest.event_recorder import EventBatch
from billing.metering.ingest.reprocess import reprocess
from billing.metering.store import corrections, counter_store, unmatched_usage
from billing.metering.store.prepaid_windows import DrawdownKey
from billing.metering.store.unmatched_usage import ReportState, UnmatchedReport
from billing.models import Drawdown, Subscription, UnmatchedUsage
from plans.models import Meter

_OF_SERIES = ("aggregatestate", "levelchange", "distinctvalue", "hourlyusage")
_FORGET = "DELETE FROM billing_{table} t USING billing_series s WHERE s.id = t.series_id AND s.period_id = ANY(%s)"


def remove_counts(period_ids: Sequence[int], *, at: datetime) -> None:
    """Forget what is counted in these periods, which the caller holds locked; wallets have back what it cost."""
    ids = list(period_ids)
    with connection.cursor() as cursor:
        for table in _OF_SERIES:
            cursor.execute(_FORGET.format(table=table), [ids])
        cursor.execute("DELETE FROM billing_series WHERE period_id = ANY(%s)", [ids])
        cursor.execute("DELETE FROM billing_counter WHERE period_id = ANY(%s)", [ids])
    counter_store.clear_id_cache()
    keys = Drawdown.objects.filter(period__in=ids).values_list("period", "plan_feature", "window_start")
    draw_down({DrawdownKey(*key): (at, at) for key in keys}, at=at)


def recount_events(
    *, subscription: Subscription, period_ids: Collection[int], since: datetime, until: datetime, at: datetime
) -> None:
    """
    Count a customer's events in [since, until) in these periods, as far as they belong there by now.

    What has no price there is reported as unmatched; what was unmatched and has one now is counted as well.

    :raises CopyIsOld: if somebody changes the catalog, or a period, at the same time; try again then.
    """
    counter_store.clear_id_cache()
    catalog_cache.refresh()
    names = list(Meter.objects.order_by("event_name").values_list("event_name", flat=True).distinct())
    customer = subscription.customer
    customer_cache.refresh([customer.external_id], sandbox=customer.sandbox, since=since)
    wanted = frozenset(period_ids)
    for rows in read_pages(customer_id=customer.pk, names=names, since=since, until=until):
        _count(rows, wanted, sandbox=customer.sandbox, at=at)
    waiting = UnmatchedUsage.objects.filter(customer=customer, resolved_at__isnull=True)
    if ids := list(waiting.values_list("pk", flat=True)):
        reprocess(at=at, report_ids=ids)


def _count(rows: Sequence[StoredEvent], wanted: frozenset[int], *, sandbox: bool, at: datetime) -> None:
    keys = [row.key for row in rows]
    taken_back, reports = corrections.read_corrections(keys), unmatched_usage.read_reports(keys)
    events = [to_received_event(row) for row in rows if row.key not in taken_back]
    if not events:
        return
    batch = event_recorder.attribute_events(events, sandbox=sandbox)
    routes = _Routes(wanted)
    found = [routes.narrowed(one, _open(reports.get(event.key, {}))) for event, one in _pairs(batch)]
    counted = EventBatch(events, found, batch.customers, batch.catalog_revision, sandbox)
    event_recorder.count_stored_events(counted, at=at)
    unmatched_usage.report(
        [
            UnmatchedReport(
                event.key, event_recorder.find_customer_id(event, batch), part.meter_id, part.reason, part.detail
            )
            for event, one in _pairs(batch)
            for part in one.unpriced
            if not {part.meter_id, None} & reports.get(event.key, {}).keys()
        ]
    )


def _pairs(batch: EventBatch) -> zip:
    return zip(batch.events, batch.attributions, strict=True)


def _open(reports: Mapping[int | None, ReportState]) -> frozenset[int | None]:
    """Return the meters whose part is unmatched still, which only a replay counts."""
    return frozenset(meter for meter, one in reports.items() if one.resolved_at is None)


class _Routes:
    """Routes that lead into the wanted periods only: one for each, so that what goes the same way is still told."""

    def __init__(self, wanted: frozenset[int]) -> None:
        self._wanted = wanted
        self._known: dict[tuple[int, frozenset[int | None]], tuple[Route, list[int]]] = {}

    def narrowed(self, found: Attribution, unmatched_meters: frozenset[int | None]) -> Attribution:
        key = id(found.route), unmatched_meters
        if key not in self._known:
            self._known[key] = self._narrowed(found.route, unmatched_meters)
        route, places = self._known[key]
        return found._replace(route=route, values=[found.values[place] for place in places])

    def _narrowed(self, route: Route, unmatched_meters: frozenset[int | None]) -> tuple[Route, list[int]]:
        stops, places = [], []
        for place, stop in enumerate(route.stops):
            if unmatched_meters & {stop.meter.id, None}:
                continue
            own = self._own(stop)
            if own.targets:
                stops.append(own)
                places.append(place)
        draws = tuple(key for key in route.drawdowns if key.period_id in self._wanted)
        return route._replace(stops=tuple(stops), drawdowns=draws), places

    def _own(self, stop: RouteStop) -> RouteStop:
        kept = [place for place, (counter, _) in enumerate(stop.targets) if counter.period_id in self._wanted]
        return stop._replace(
            targets=tuple(stop.targets[place] for place in kept),
            costs=tuple(stop.costs[place] for place in kept) if stop.costs else (),
            state_keys=tuple(key for key in stop.state_keys if key.series.period_id in self._wanted),
        )
