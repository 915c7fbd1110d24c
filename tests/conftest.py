"""Every test gets a real PostgreSQL without configuration. If no test needs it, no server is started."""

import contextlib
import gc
import sys
from collections.abc import Generator, Iterator
from typing import Any

import pytest
from django.conf import settings
from django.contrib.auth.hashers import PBKDF2PasswordHasher
from django.db import transaction
from django.test import TransactionTestCase

from config import celery_app
from tests import postgres
from tests.golden.summary import pytest_terminal_summary  # noqa: F401, xdist's controller loads no deeper conftest
from tests.stripe.localstripe import LocalstripeServer, localstripe
from tests.stripe.server import EVENT_SECRET, Books, Server

RUN = pytest.StashKey[contextlib.ExitStack]()


def pytest_configure(config: pytest.Config) -> None:
    # A task queued by a test wakes no worker; its effect is tested by calling it.
    celery_app.conf.update(broker_url="memory://localhost/", broker_transport=None, broker_transport_options={})
    # Each test client has its own middleware, which would search all folders of static files when it is made.
    settings.WHITENOISE_AUTOREFRESH = True
    # Passwords in tests need no protection, and a million rounds of hashing take half a second each.
    PBKDF2PasswordHasher.iterations = 1
    if not hasattr(config, "workerinput"):  # xdist's workers share the run of their parent process
        config.stash[RUN] = contextlib.ExitStack()
        config.stash[RUN].enter_context(postgres.run())
        if getattr(config.option, "numprocesses", None):
            config.stash[RUN].enter_context(postgres.template_ahead())


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> Iterator[None]:
    """
    Mark browser tests and tests that commit as slow, because they start processes or restore a database, before `-m`
    chooses. After pytest-django's sorting, start with the files that need no database, which is still being migrated,
    and then with the slow tests, so that no worker is left with one at the end.
    """
    waiting = set()
    for item in items:
        database = item.get_closest_marker("django_db")
        commits = "transactional_db" in item.fixturenames or (database and database.kwargs.get("transaction"))  # type: ignore[attr-defined]
        if commits or item.get_closest_marker("browser"):
            item.add_marker("slow")
        if database or "django_db_setup" in item.fixturenames:  # type: ignore[attr-defined]
            waiting.add(item.path)
    yield
    items.sort(key=lambda item: (item.path in waiting, item.get_closest_marker("slow") is None))


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None, object, object]:
    """
    Exclude ten thousand collected tests, which stay in memory, from garbage collection: it takes a sixth of the time
    of their collection, and of the tests.
    """
    gc.disable()
    outcome = yield
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 50, 100)
    gc.enable()
    return outcome


def pytest_unconfigure(config: pytest.Config) -> None:
    if RUN in config.stash:
        config.stash[RUN].close()


@pytest.fixture(scope="session")
def django_db_setup(django_db_blocker: object) -> Iterator[postgres.WorkerDatabase]:
    """
    Give this worker its own migrated database.

    A test that commits (`transaction=True`) leaves rows that triggers protect from TRUNCATE, and Django's flush would
    also delete rows of migrations. So its database is restored: tests/database_reset.py.
    """
    with pytest.MonkeyPatch.context() as patch, django_db_blocker.unblock():  # type: ignore[attr-defined]
        database = postgres.WorkerDatabase()
        database.create()
        patch.setattr(TransactionTestCase, "_fixture_teardown", lambda case: database.renew())
        yield database
        database.drop()


@pytest.fixture(scope="module")
def full_books(django_db_setup: postgres.WorkerDatabase, django_db_blocker: object) -> Iterator[None]:
    """
    Let the tests of a module, which roll back, find books with rows in every table: tests/billing/audit/books.py.
    """
    # Imported here: this file is read before Django is set up.
    from tests.billing.audit.books import make_books

    clear_database_caches()
    with django_db_blocker.unblock(), django_db_setup.use_filled("full_books", make_books):  # type: ignore[attr-defined]
        yield


@pytest.fixture(scope="module")
def shared_transaction(django_db_setup: None, django_db_blocker: object) -> Iterator[None]:
    """
    Share rows between the tests of a module: rows created by its own fixtures of this scope are rolled back after its
    last test.

    Changes of a test are rolled back to the savepoint at its start, as usual. Such a fixture returns nothing: an
    object in memory would carry one test's changes to the next.
    """
    clear_database_caches()
    module_transaction = transaction.atomic()
    module_transaction._from_testcase = True  # as for each test: durable blocks may run in this transaction
    with django_db_blocker.unblock(), module_transaction:  # type: ignore[attr-defined]
        yield
        transaction.set_rollback(True)


@pytest.fixture(autouse=True)
def new_process() -> None:
    """Start a test without cached rows of another one."""
    clear_database_caches()


def clear_database_caches() -> None:
    """
    Clear the process's caches of its database; fixtures that outlive a test call it, too.

    In production a cached row is frozen or its revision is compared, and no id is reused. A test that is rolled back,
    or whose database is copied again, reuses ids and revisions for other rows.
    """
    for name, clear in (
        ("plans.catalog.stored_terms", "clear_terms_cache"),
        ("billing.closing.lines.line_templates", "clear_templates_cache"),
        ("billing.metering.ingest.catalog_cache", "clear"),
        ("billing.metering.ingest.customer_cache", "clear"),
        ("billing.metering.store.counter_store", "clear_id_cache"),
        ("access.rate_limits.buckets", "clear_limits"),
    ):
        if module := sys.modules.get(name):
            getattr(module, clear)()


@pytest.fixture
def stripe_server(settings: Any) -> Iterator[Server]:
    """Run a fake Stripe server and configure the product to use it."""
    with Server() as server:
        settings.STRIPE_SECRET_KEY, settings.STRIPE_API_BASE = server.secret_key, server.address
        settings.STRIPE_WEBHOOK_SECRETS, settings.PAYMENT_PAGES = [EVENT_SECRET], [server.address]
        yield server


@pytest.fixture
def localstripe_server(settings: Any) -> Iterator[LocalstripeServer]:
    """Run localstripe, a Stripe server that others wrote, and configure the product to use it."""
    with localstripe() as server:
        settings.STRIPE_SECRET_KEY, settings.STRIPE_API_BASE = server.secret_key, server.address
        settings.STRIPE_WEBHOOK_SECRETS, settings.PAYMENT_PAGES = [EVENT_SECRET], [server.address]
        yield server


@pytest.fixture
def at_stripe(stripe_server: Server) -> Books:
    """Return the objects at the fake Stripe."""
    return stripe_server.books


@pytest.fixture
def clean_books(db: None) -> Iterator[None]:
    """
    Run all integrity checks after a test: `pytest.mark.usefixtures("clean_books")`.

    A module replaces it by `tests.clean_books.clean_after_test`, which runs those of its subjects.
    """
    yield
    # Imported here: this file is read before Django is set up.
    from tests.clean_books import assert_clean

    assert_clean()
