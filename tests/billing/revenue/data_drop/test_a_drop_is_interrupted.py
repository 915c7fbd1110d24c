"""Killed workers, two workers, and rows that commit late: every row is in the next manifest, and none twice."""

from collections import Counter

import pytest
from django.core.management import call_command
from django.db import connection, transaction

from billing.job_kinds import KINDS
from billing.jobs.worker import work
from billing.models import DropPart, Job
from billing.revenue.data_drop import parts, tables
from customers.models import ExchangeRate
from tests.billing.revenue.data_drop.buckets import bucket_target, fake_bucket, moto_server
from tests.billing.revenue.data_drop.drop_setup import DAY, NIGHT, Reader, drop, finish, folder_target, start
from tests.builders import make_customer
from tests.killed_processes import kill_at
from tests.races import Pause, together
from tests.races import start as begin

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.slow]

PLACES = ["jobs.after_cut", "drop.read", "drop.copied", "drop.stored", "jobs.before_commit", "jobs.after_commit"]


def complete(reader: Reader) -> Job:
    """Continue the only job to its end, and check what a reader gets."""
    job = finish(Job.objects.get())
    assert job.state == "done"
    assert [row["external_id"] for row in reader.rows("customers")] == ["acme"]
    assert [row["code"] for row in reader.rows("sellers")] == ["acme"]
    written = Counter(DropPart.objects.values_list("table_name", "section", "number"))
    assert set(written.values()) == {1}, "a finished part was written again"
    return job


@pytest.fixture
def whole_parts(monkeypatch):
    """Cut tables as the killed process did."""
    monkeypatch.setattr(tables, "IDS_PER_PART", 100_000)


@pytest.mark.parametrize("place", [*PLACES, "drop.published"])
def test_a_killed_drop_to_a_folder_is_continued(place, tmp_path, drop_directory, whole_parts):
    make_customer("acme")
    target = folder_target()
    kill_at(place, lambda: call_command("data_drop", "--target", "warehouse"), tmp_path)
    folder = drop_directory / "warehouse"
    assert (folder / "manifest.json").exists() == (place == "drop.published")
    done = dict(Job.objects.get().items.filter(state="done").values_list("pk", "tries"))
    job = complete(Reader.of_folder(folder))
    assert {item.pk: item.tries for item in job.items.filter(pk__in=done)} == done, "no finished part is repeated"
    for night in (1, 2):
        drop(target, at=NIGHT + night * DAY)
    on_disk = {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}
    assert on_disk == {*Reader.of_folder(folder).paths(), "manifest.json"}, "nothing is left of the killed worker"


@pytest.mark.parametrize("place", ["drop.stored", "drop.published"])
def test_a_killed_drop_to_a_bucket_is_continued(place, tmp_path, whole_parts):
    make_customer("acme")
    with moto_server() as server:
        target = bucket_target(server)
        kill_at(place, lambda: call_command("data_drop", "--target", "lake"), tmp_path)
        assert ("manifest.json" in set(server.keys())) == (place == "drop.published")
        complete(Reader(server.get))
        for night in (1, 2):
            drop(target, at=NIGHT + night * DAY)
        assert server.keys() == {*Reader(server.get).paths(), "manifest.json"}


def test_two_workers_write_each_part_once():
    for number in range(30):
        make_customer(f"customer-{number}")
    with fake_bucket() as bucket:
        job = start(bucket_target(bucket))
        together(*[lambda: work(kinds=KINDS, clock=lambda: NIGHT, job_id=job.pk)] * 2)
        finish(job)
        puts = [path for method, path in bucket.requests if method == "PUT"]
        assert len(puts) == len(set(puts)) == len(Reader(bucket.get).paths()) + 1
        assert puts[-1].endswith("manifest.json"), "the manifest comes last"
        assert len(Reader(bucket.get).rows("customers")) == 30


def test_the_manifest_waits_for_parts_in_progress(monkeypatch, drop_directory):
    """A worker that finds no other part does not publish while another one still writes."""
    make_customer("acme")
    job = start(folder_target())
    pause = Pause.before(monkeypatch, parts, "make_part_file")
    slow = begin(lambda: work(kinds=KINDS, clock=lambda: NIGHT, job_id=job.pk))
    pause.await_arrival()
    work(kinds=KINDS, clock=lambda: NIGHT, job_id=job.pk)
    assert job.items.filter(state="waiting").count() == 2
    assert job.items.get(parameters__step="publish").tries == 0
    assert not (drop_directory / "warehouse" / "manifest.json").exists()
    pause.release()
    slow.result()
    assert finish(job).state == "done"


def make_rates(count: int, *, first: int = 0) -> None:
    for number in range(first, first + count):
        ExchangeRate.objects.create(
            source="ECB", day=NIGHT.date() - number * DAY, currency="USD", rate="1.1", recorded_at=NIGHT
        )


def test_rows_that_commit_late_are_not_lost(drop_directory):
    """A transaction holds the lowest numbers of a full range while three drops pass."""
    target = folder_target()
    reader = Reader.of_folder(drop_directory / "warehouse")
    drop(target)

    def commit_late() -> None:
        with transaction.atomic():
            make_rates(2)
            pause.wait_here()

    pause = Pause()
    late = begin(commit_late)
    pause.await_arrival()
    make_rates(20, first=10)
    for night in (1, 2, 3):
        drop(target, at=NIGHT + night * DAY)
        assert len(reader.rows("exchange_rates")) == 20
        assert not any(file["is_final"] for file in reader.files("exchange_rates"))
    pause.release()
    late.result()
    for night in (4, 5, 6):
        drop(target, at=NIGHT + night * DAY)
        assert len(reader.rows("exchange_rates")) == 22
    assert reader.files("exchange_rates")[0]["is_final"]


def test_a_number_that_was_drawn_just_before_the_drop_is_not_lost(drop_directory):
    """The transaction that drew it has no id yet when the drop notes the number."""
    target = folder_target()
    make_rates(3)
    with connection.cursor() as cursor:
        cursor.execute("SELECT nextval('customers_exchangerate_id_seq') FROM generate_series(1, 10)")
    drawn = ExchangeRate.objects.latest("pk").pk + 1
    drop(target)
    ExchangeRate.objects.create(
        pk=drawn, source="ECB", day=NIGHT.date(), currency="CHF", rate="0.9", recorded_at=NIGHT
    )
    drop(target, at=NIGHT + DAY)
    rows = Reader.of_folder(drop_directory / "warehouse").rows("exchange_rates")
    assert drawn in {row["id"] for row in rows}
