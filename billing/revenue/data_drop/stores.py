"""The place of a target."""

from datetime import datetime

from django.conf import settings

from billing.models import DropTarget
from billing.models.data_drop import DropKind
from billing.revenue.data_drop.bucket import BucketStore
from billing.revenue.data_drop.folder import open_folder
from billing.revenue.data_drop.store import Store, StoreFailed
from lib.encryption import SecretUnreadable, decrypt


def open_store(target: DropTarget, *, at: datetime) -> Store:
    """
    Return the place of a target.

    :raises StoreFailed: if it is set up in a way that can't work.
    """
    if target.kind == DropKind.FOLDER:
        return open_folder(settings.DROP_DIRECTORY, target.path)
    try:
        secret = decrypt(target.secret)
    except SecretUnreadable as error:
        raise StoreFailed(f"{error}") from error
    return BucketStore(target.endpoint, target.region, target.bucket, target.path, target.access_key, secret, at)
