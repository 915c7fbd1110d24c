"""Coverage: which subscription prices which feature of a customer, and when."""

from datetime import datetime

from django.contrib.postgres.fields import DateTimeRangeField
from django.db import IntegrityError, models, transaction
from django.db.backends.postgresql.psycopg_any import DateTimeTZRange
from django.db.models import F, Func, Value
from django.db.models.functions import Lower
from django.utils.translation import gettext

from billing.models import Coverage, Period, Subscription
from plans.models import Feature


class SubscriptionRefused(Exception):
    """The customer can't be subscribed as requested; the text gives the reason and the remedy."""


class FeatureAlreadyPriced(SubscriptionRefused):
    """Another subscription of the customer prices a feature of the version at the same time."""

    def __init__(self, feature: Feature, other: Subscription) -> None:
        super().__init__(
            gettext(
                "%(feature)s is already included in the subscription %(subscription)s at that time. End"
                " that one first, or create this one as a named subscription, whose events name it."
            )
            % {"feature": feature, "subscription": other.external_id}
        )
        self.feature = feature
        self.other = other


def cover_features(subscription: Subscription, *, since: datetime) -> None:
    """
    Cover the features of the subscription's version from `since` on, and end the coverage of others.

    A feature that is covered already continues without a gap. A database constraint allows only one subscription of a
    customer per feature at any time.

    :raises FeatureAlreadyPriced: if another subscription of the customer covers one of the features then.
    """
    features = Feature.objects.filter(offered_in__version=subscription.version_id).order_by("pk")
    coverage = Coverage.objects.filter(subscription=subscription)
    end_coverage(coverage.exclude(feature__in=features), at=since)
    covered_ids = set(coverage.filter(during__contains=since).values_list("feature_id", flat=True))
    during = DateTimeTZRange(since, subscription.ends_at)
    for feature in features:
        # Covered already: its interval simply continues.
        if feature.pk not in covered_ids:
            _cover_feature(subscription, feature, during)


def end_coverage(coverage: models.QuerySet[Coverage], *, at: datetime) -> None:
    """End this coverage at `at`, and delete the coverage that would start then or later."""
    coverage.filter(during__startswith__gte=at).delete()
    coverage.filter(during__contains=at).update(
        during=Func(Lower("during"), Value(at), function="tstzrange", output_field=DateTimeRangeField())
    )


def extend_coverage(subscription: Subscription, *, former_end: datetime) -> None:
    """
    Extend the coverage that ended at `former_end` to the subscription's new end.

    :raises IntegrityError: if another subscription of the customer covers some of the features then.
    """
    covered = Coverage.objects.filter(subscription=subscription, during__endswith=former_end)
    during = Func(
        Lower("during"),
        Value(subscription.ends_at, models.DateTimeField()),
        function="tstzrange",
        output_field=DateTimeRangeField(),
    )
    covered.update(during=during)


def _cover_feature(subscription: Subscription, feature: Feature, during: DateTimeTZRange) -> None:
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
        # Another constraint was violated, which is a bug.
        if other is None:
            raise
        raise FeatureAlreadyPriced(feature, other.subscription) from error


def invalidate_cached_periods(subscription: Subscription, *, since: datetime) -> None:
    """
    Increment the revisions of the customer's other periods, so that ingest drops cached copies without this one.

    Otherwise ingest would not look for a second subscription for usage that already has one.
    """
    others = Period.objects.filter(subscription__customer=subscription.customer_id, ends_at__gt=since).exclude(
        subscription=subscription
    )
    invalidate_periods(others)


def invalidate_periods(periods: "models.QuerySet[Period]") -> None:
    """Increment the revisions of these periods, so that ingest drops its cached copies of them."""
    # In the order of ids, like every lock of periods.
    ids = list(periods.select_for_update(no_key=True, of=["self"]).order_by("pk").values_list("pk", flat=True))
    Period.objects.filter(pk__in=ids).update(revision=F("revision") + 1)
