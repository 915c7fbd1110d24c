"""
Recount usage in other periods than those it was counted in, after a plan change is undone.

There are two steps because the periods change in between. First the counts of the former periods are deleted and
their drawdowns are returned to the wallets. Then ingest's own attribution assigns the same events again, counts them
and draws them down once more.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import datetime

from billing.metering.corrections.bucket_rebuild import rebuild_buckets
from billing.metering.drawdown import draw_down
from billing.metering.ingest import catalog_cache, customer_cache, event_recorder
from billing.metering.ingest.attribution import Attribution, Route, RouteStop
from billing.metering.ingest.event_reader import StoredEvent, read_pages, to_received_event
from billing.metering.ingest.event_recorder import EventBatch
from billing.metering.ingest.parser import ReceivedEvent
from billing.metering.ingest.reprocess import reprocess
from billing.metering.store import corrections, counter_store, unmatched_usage
from billing.metering.store.prepaid_windows import DrawdownKey
from billing.metering.store.unmatched_usage import ReportState, UnmatchedReport
from billing.models import Drawdown, Subscription, UnmatchedUsage
from lib import sql
from plans.models import Meter

_SERIES_TABLES = ("aggregatestate", "levelchange", "distinctvalue", "membershipstep", "hourlyusage")
_DELETE_BY_SERIES = (
    "DELETE FROM billing_{table} t USING billing_series s WHERE s.id = t.series_id AND s.period_id = ANY(%s)"
)


def remove_counts(period_ids: Sequence[int], *, at: datetime) -> None:
    """
    Delete the counts of these periods, which the caller holds locked, and return their drawdowns to the wallets.
    """
    ids = list(period_ids)
    # Rows of series go before the series that they refer to.
    for table in _SERIES_TABLES:
        sql.execute(_DELETE_BY_SERIES.format(table=table), [ids])
    sql.execute("DELETE FROM billing_series WHERE period_id = ANY(%s)", [ids])
    sql.execute("DELETE FROM billing_counter WHERE period_id = ANY(%s)", [ids])
    # The cache maps keys to the ids of the rows just deleted.
    counter_store.clear_id_cache()
    # With no counters left their cost is zero, so all of it returns to the wallets.
    keys = Drawdown.objects.filter(period__in=ids).values_list("period", "plan_feature", "window_start")
    draw_down({DrawdownKey(*key): (at, at) for key in keys}, at=at)


def recount_events(
    *, subscription: Subscription, period_ids: Collection[int], since: datetime, until: datetime, at: datetime
) -> None:
    """
    Count a customer's events in [since, until) in those of `period_ids` to which they belong now.

    An event without a price there is reported as unmatched; one that was unmatched and has a price now is counted as
    well.

    :raises StaleCatalog: if the catalog or a period changes at the same time; retry then.
    """
    counter_store.clear_id_cache()
    # The cached copies are from before the plan change was undone.
    catalog_cache.refresh()
    # An event that no meter counts has nothing to recount.
    names = list(Meter.objects.order_by("event_name").values_list("event_name", flat=True).distinct())
    customer = subscription.customer
    customer_cache.refresh([customer.external_id], sandbox=customer.sandbox, since=since)
    wanted_periods = frozenset(period_ids)
    for rows in read_pages(customer_id=customer.pk, names=names, since=since, until=until):
        _count(rows, wanted_periods, sandbox=customer.sandbox, at=at)
    waiting = UnmatchedUsage.objects.filter(customer=customer, resolved_at__isnull=True)
    if ids := list(waiting.values_list("pk", flat=True)):
        reprocess(at=at, report_ids=ids)
    rebuild_buckets(subscription=subscription, names=names, at=at)


def _count(rows: Sequence[StoredEvent], wanted_periods: frozenset[int], *, sandbox: bool, at: datetime) -> None:
    keys = [row.key for row in rows]
    corrected_events, reports = corrections.read_corrections(keys), unmatched_usage.read_reports(keys)
    events = [to_received_event(row) for row in rows if row.key not in corrected_events]
    if not events:
        return
    batch = event_recorder.attribute_events(events, sandbox=sandbox)
    routes = _Routes(wanted_periods)
    attributions = [
        routes.narrow(attribution, _open_meters(reports.get(event.key, {}))) for event, attribution in _pairs(batch)
    ]
    counted = EventBatch(events, attributions, batch.customers, batch.catalog_revision, sandbox)
    event_recorder.count_stored_events(counted, at=at)
    unmatched_usage.report(
        [
            UnmatchedReport(
                event.key, event_recorder.find_customer_id(event, batch), part.meter_id, part.reason, part.detail
            )
            for event, attribution in _pairs(batch)
            for part in attribution.unmatched_parts
            if not {part.meter_id, None} & reports.get(event.key, {}).keys()
        ]
    )


def _pairs(batch: EventBatch) -> Iterator[tuple[ReceivedEvent, Attribution]]:
    return zip(batch.events, batch.attributions, strict=True)


def _open_meters(reports: Mapping[int | None, ReportState]) -> frozenset[int | None]:
    """Return the meters whose part of the event is still unmatched; only a reprocess counts these."""
    return frozenset(meter for meter, report in reports.items() if report.resolved_at is None)


class _Routes:
    """
    Routes limited to the wanted periods. Each is built once, so that events with the same route still share one
    object.
    """

    def __init__(self, wanted: frozenset[int]) -> None:
        self._wanted = wanted
        self._known: dict[tuple[int, frozenset[int | None]], tuple[Route, list[int]]] = {}

    def narrow(self, attribution: Attribution, unmatched_meters: frozenset[int | None]) -> Attribution:
        key = id(attribution.route), unmatched_meters
        if key not in self._known:
            self._known[key] = self._narrow_route(attribution.route, unmatched_meters)
        route, indexes = self._known[key]
        return attribution._replace(route=route, values=[attribution.values[index] for index in indexes])

    def _narrow_route(self, route: Route, unmatched_meters: frozenset[int | None]) -> tuple[Route, list[int]]:
        stops, indexes = [], []
        for index, stop in enumerate(route.stops):
            # Reported as unmatched: reprocessing counts it, not this function.
            if unmatched_meters & {stop.meter.id, None}:
                continue
            narrowed_stop = self._narrow_stop(stop)
            if narrowed_stop.targets:
                stops.append(narrowed_stop)
                indexes.append(index)
        drawdowns = tuple(key for key in route.drawdowns if key.period_id in self._wanted)
        return route._replace(stops=tuple(stops), drawdowns=drawdowns), indexes

    def _narrow_stop(self, stop: RouteStop) -> RouteStop:
        indexes = [index for index, (counter, _) in enumerate(stop.targets) if counter.period_id in self._wanted]
        return stop._replace(
            targets=tuple(stop.targets[index] for index in indexes),
            costs=tuple(stop.costs[index] for index in indexes) if stop.costs else (),
            state_keys=tuple(key for key in stop.state_keys if key.series.period_id in self._wanted),
            limits=(),  # their buckets are rebuilt in the end
        )
