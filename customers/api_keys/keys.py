"""Issue, rotate and revoke API keys. A secret is returned once; only its SHA-256 is stored."""

import secrets
import string
from collections.abc import Collection
from datetime import datetime, timedelta
from hashlib import sha256

from django.contrib.auth.models import User
from django.db import transaction
from django.utils.translation import gettext as _

from customers.models import ApiKey
from customers.models.api_keys import Scope

# 256 bits: no search finds the secret, so its plain SHA-256 may be stored.
SECRET_BYTES = 32
PREFIX_CHARACTERS = 8
# A month to replace the old key everywhere; until then both keys work.
LONGEST_OVERLAP = timedelta(days=30)

_READABLE = "23456789abcdefghjkmnpqrstuvwxyz"  # without characters that look alike
_BASE62 = string.digits + string.ascii_letters


class KeyRefused(ValueError):
    """A key can't be issued or rotated as requested. field: the argument at fault, if it is one."""

    def __init__(self, text: str, *, field: str = "") -> None:
        super().__init__(text)
        self.field = field


def issue(
    *,
    name: str,
    scopes: Collection[str],
    sandbox: bool,
    by: User | None,
    at: datetime,
    expires_at: datetime | None = None,
) -> tuple[ApiKey, str]:
    """
    Issue a key; return it with its secret, which is shown once: `tb_live_` or `tb_test_`, 8 readable characters that
    identify the key, and 256 random bits in base 62.

    :raises KeyRefused: if no scope or an unknown one is requested, or the expiry has passed.
    """
    unknown = set(scopes) - set(Scope.values)
    if unknown or not scopes:
        text = (
            _("“%(scope)s” is not a scope. Choose from %(choices)s.")
            if unknown
            else _("Choose at least one scope: %(choices)s.")
        )
        values = {"scope": next(iter(sorted(unknown)), ""), "choices": ", ".join(Scope.values)}
        raise KeyRefused(text % values, field="scopes")
    if expires_at is not None and expires_at <= at:
        raise KeyRefused(_("The expiry must be in the future."), field="expires_at")
    prefix = _new_prefix(sandbox=sandbox)
    secret = f"{prefix}_{_base62(secrets.token_bytes(SECRET_BYTES))}"
    key = ApiKey.objects.create(
        name=name,
        prefix=prefix,
        secret_sha256=digest(secret),
        scopes=[scope for scope in Scope.values if scope in scopes],
        sandbox=sandbox,
        created_by=by,
        expires_at=expires_at,
    )
    return key, secret


@transaction.atomic
def rotate(
    *,
    key: ApiKey,
    overlap: timedelta,
    by: User | None,
    at: datetime,
    expires_at: datetime | None = None,
) -> tuple[ApiKey, str]:
    """
    Issue a new key with the rights of `key`; the old one still works for `overlap`, at most 30 days.

    :raises KeyRefused: if the key is expired or revoked already, or the overlap is negative or too long.
    """
    if not timedelta(0) <= overlap <= LONGEST_OVERLAP:
        raise KeyRefused(_("Enter an overlap of up to %(days)s days.") % {"days": LONGEST_OVERLAP.days})
    # Row lock: a concurrent rotation or revocation of the key waits, so none of them undoes the other.
    old = ApiKey.objects.select_for_update().get(pk=key.pk)
    if old.revoked_at is not None or (old.expires_at is not None and old.expires_at <= at):
        text = _("The key %(prefix)s… is revoked or expired. Create a new key instead.")
        raise KeyRefused(text % {"prefix": old.prefix})
    issued = issue(name=old.name, scopes=old.scopes, sandbox=old.sandbox, by=by, at=at, expires_at=expires_at)
    expires_with_overlap = at + overlap
    old.expires_at = expires_with_overlap if old.expires_at is None else min(old.expires_at, expires_with_overlap)
    old.save(update_fields=["expires_at"])
    return issued


def revoke(*, key: ApiKey, at: datetime) -> None:
    """Reject the key from `at` on; a key that is already revoked keeps the earlier time."""
    ApiKey.objects.filter(pk=key.pk, revoked_at__isnull=True).update(revoked_at=at)


def digest(secret: str) -> str:
    """
    Return the digest by which a key is stored and found, as 64 hexadecimal digits.

    The lookup by digest needs no constant-time comparison: timing the index reveals only digests, which cannot be
    turned into secrets.
    """
    return sha256(secret.encode("utf-8", "surrogateescape")).hexdigest()


def _new_prefix(*, sandbox: bool) -> str:
    kind = "test" if sandbox else "live"
    return f"tb_{kind}_" + "".join(secrets.choice(_READABLE) for _ in range(PREFIX_CHARACTERS))


def _base62(data: bytes) -> str:
    """Return the bytes as digits and letters, 43 for 32 bytes, so that a double click selects all of them."""
    number, digits = int.from_bytes(data, "big"), []
    for _digit in range(-(-len(data) * 8 * 1000 // 5954)):  # a base-62 digit holds 5.954 bits
        number, digit = divmod(number, 62)
        digits.append(_BASE62[digit])
    return "".join(digits)
