"""The deletion of counts and sessions that are no longer needed."""

from datetime import datetime, timedelta

from access.approvals.limits import delete_old_counts
from access.models import RateLimitBucket
from access.sign_in.lock_out import delete_old_failures
from lib import sql

BUCKETS_KEPT = timedelta(days=2)
"""By then a bucket is full again, as a missing one is: no limit counts more than 99,999 seconds."""


def delete_old_rows(*, at: datetime) -> int:
    """Delete failed sign-ins, acts, buckets of rate limits and sessions that no longer count; return how many."""
    bucket_count, _ = RateLimitBucket.objects.filter(at__lt=at - BUCKETS_KEPT).delete()
    (session_count,) = sql.fetch_column("SELECT access_delete_ended_sessions(%s)", [at])
    sql.fetch_rows("SELECT access_delete_orphaned_sessions()")
    return delete_old_failures(at=at) + delete_old_counts(at=at) + bucket_count + int(session_count)
