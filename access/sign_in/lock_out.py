"""
Delays of sign-ins that fail: docs/security.md#failed-sign-ins.

The delay belongs to an account and an address, so an attacker delays no one at another address. Unknown names are
delayed alike, which reveals no account.
"""

from datetime import datetime, timedelta

from django.db.models import Sum
from django.utils.crypto import salted_hmac

from access.models import SignInFailure
from lib import sql

FREE_FAILURES = 5
"""Failures from one address on one account before the first delay."""

FIRST_DELAY = timedelta(minutes=1)
LONGEST_DELAY = timedelta(minutes=15)

FORGOTTEN_AFTER = timedelta(days=1)
"""Time without a failure after which earlier ones no longer count."""

ATTACK = 20
"""Failures of one account, from all addresses together, after which its password alone is not enough."""

# A try is counted before the password is compared: tries that run at the same time can't all pass. The row's lock
# orders them, and all but one find the delay of the one before.
_COUNT_TRY = """
INSERT INTO access_signinfailure AS row (account, address, failures, failed_at, blocked_until)
VALUES (%(account)s, %(address)s, 1, %(at)s, NULL)
ON CONFLICT (account, address) DO UPDATE SET (failures, failed_at, blocked_until) = (
    SELECT next.failures, %(at)s, CASE WHEN next.failures >= %(free)s THEN
        %(at)s + least(%(first)s * power(2, least(next.failures - %(free)s, 10)), %(longest)s) END
    FROM (SELECT CASE WHEN row.failed_at < %(forgotten)s THEN 1 ELSE row.failures + 1 END AS failures) next
)
WHERE row.blocked_until IS NULL OR row.blocked_until <= %(at)s
RETURNING failures
"""


class TooManyFailures(Exception):
    """Sign-ins failed too often from this address. until: when the next try is possible."""

    def __init__(self, until: datetime) -> None:
        super().__init__(until)
        self.until = until


def count_try(*, name: str, address: str, at: datetime) -> None:
    """
    Count a try to sign in as failed; `forget` it if it succeeds.

    name: as entered, of an account that exists or not.

    :raises TooManyFailures: if the delay after the last failure is not over.
    """
    parameters = {
        "account": account_of(name),
        "address": address,
        "at": at,
        "free": FREE_FAILURES,
        "first": FIRST_DELAY,
        "longest": LONGEST_DELAY,
        "forgotten": at - FORGOTTEN_AFTER,
    }
    if not sql.fetch_rows(_COUNT_TRY, parameters):
        failure = SignInFailure.objects.get(account=parameters["account"], address=address)
        raise TooManyFailures(failure.blocked_until or at)


def forget(*, name: str, address: str) -> None:
    """Forget the failures of an account from an address, after a successful sign-in there."""
    SignInFailure.objects.filter(account=account_of(name), address=address).delete()


def is_attacked(name: str, *, at: datetime) -> bool:
    """Return whether so many sign-ins of an account failed within a day that its password may be known."""
    recent = SignInFailure.objects.filter(account=account_of(name), failed_at__gt=at - FORGOTTEN_AFTER)
    return (recent.aggregate(total=Sum("failures"))["total"] or 0) >= ATTACK


def account_of(name: str) -> str:
    """Return the digest of an account's name. Keyed, since people also enter passwords there."""
    return salted_hmac("access.sign_in", name.strip().lower(), algorithm="sha256").hexdigest()


def delete_old_failures(*, at: datetime) -> int:
    """Delete the failures that no longer count; return how many."""
    return SignInFailure.objects.filter(failed_at__lt=at - FORGOTTEN_AFTER).delete()[0]
