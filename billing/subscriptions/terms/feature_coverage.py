"""Which subscription prices which feature of a customer, and when."""

from datetime import datetime

from django.contrib.postgres.fields import DateTimeRangeField
from django.db import IntegrityError, models, transaction
from django.db.backends.postgresql.psycopg_any import DateTimeTZRange
from django.db.models import F, Func, Value
from django.db.models.functions import Lower

from billing.models import Coverage, Period, Subscription
from plans.models import Feature


class SubscriptionRefused(Exception):
    """A customer cannot be subscribed as asked; the text says why and what to do."""


class FeatureAlreadyPriced(SubscriptionRefused):
    """Another subscription of the customer prices a feature of the version at the same time."""

    def __init__(self, feature: Feature, other: Subscription) -> None:
        super().__init__(
            f"{feature} is priced by the subscription {other.external_id} at that time already: end that one first,"
            " or start this one as a named subscription, whose events name it."
        )
        self.feature = feature
        self.other = other


def cover_features(subscription: Subscription, *, since: datetime) -> None:
    """
    Let the subscription price the features of its version from `since` on, and none that the version does not have.

    A feature that it prices already goes on without a gap. The database lets only one subscription of a customer have
    a feature at any instant.

    :raises FeatureAlreadyPriced: if another subscription of the customer covers one of the features then.
    """
    features = Feature.objects.filter(offered_in__version=subscription.version_id).order_by("pk")
    mine = Coverage.objects.filter(subscription=subscription)
    end_coverage(mine.exclude(feature__in=features), at=since)
    kept = set(mine.filter(during__contains=since).values_list("feature_id", flat=True))
    during = DateTimeTZRange(since, subscription.ends_at)
    for feature in features:
        if feature.pk not in kept:
            _add(subscription, feature, during)


def end_coverage(coverage: models.QuerySet[Coverage], *, at: datetime) -> None:
    """Let this coverage end at `at`, and remove what would begin then or later."""
    coverage.filter(during__startswith__gte=at).delete()
    coverage.filter(during__contains=at).update(
        during=Func(Lower("during"), Value(at), function="tstzrange", output_field=DateTimeRangeField())
    )


def extend_coverage(subscription: Subscription, *, former_end: datetime) -> None:
    """
    Let what the subscription covered until `since` go on to its end, which has moved.

    :raises IntegrityError: if another subscription of the customer covers some of it then.
    """
    covered = Coverage.objects.filter(subscription=subscription, during__endswith=former_end)
    during = Func(
        Lower("during"),
        Value(subscription.ends_at, models.DateTimeField()),
        function="tstzrange",
        output_field=DateTimeRangeField(),
    )
    covered.update(during=during)


def _add(subscription: Subscription, feature: Feature, during: DateTimeTZRange) -> None:
    try:
        with transaction.atomic():
            Coverage.objects.create(
                customer_id=subscription.customer_id,
                feature=feature,
                subscription=subscription,
                named=subscription.named,
                during=during,
            )
    except IntegrityError as error:
        others = Coverage.objects.filter(
            customer=subscription.customer_id, feature=feature, named=False, during__overlap=during
        )
        other = others.select_related("subscription").first()
        if other is None:
            raise
        raise FeatureAlreadyPriced(feature, other.subscription) from error


def invalidate_cached_periods(subscription: Subscription, *, since: datetime) -> None:
    """
    Move on the revisions of the customer's other periods, so that no ingest goes on by a copy that lacks this one.

    Usage that another subscription takes already would otherwise never be looked at twice.
    """
    others = Period.objects.filter(subscription__customer=subscription.customer_id, ends_at__gt=since).exclude(
        subscription=subscription
    )
    ids = list(others.select_for_update(no_key=True, of=["self"]).order_by("pk").values_list("pk", flat=True))
    Period.objects.filter(pk__in=ids).update(revision=F("revision") + 1)
