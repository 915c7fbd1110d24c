"""Each constraint of the job tables, violated by raw SQL, is reported by its name."""

import pytest

from billing.models import JobPart
from tests.billing.jobs.user_jobs import make_job, work_all
from tests.db_refusals import refused_by

pytestmark = pytest.mark.django_db


def job(change: str) -> str:
    """Return the statement that changes the waiting job."""
    return f"UPDATE billing_job SET {change} WHERE total IS NULL"  # noqa: S608


def item(change: str) -> str:
    """Return the statement that changes the waiting items."""
    return f"UPDATE billing_jobitem SET {change} WHERE state = 'waiting'"  # noqa: S608


def added(number: str) -> str:
    """Return the statement that adds an item like each waiting one, with another number."""
    return (
        "INSERT INTO billing_jobitem (job_id, number, state, parameters, tries, error, figures, findings)"  # noqa: S608
        f" SELECT job_id, {number}, state, '{{}}', 0, '', '{{}}', '[]' FROM billing_jobitem WHERE state = 'waiting'"
    )


DONE = "UPDATE billing_jobitem SET {} WHERE state = 'done'"

CASES = [
    ("job_kind_is_known", job("kind = 'other'")),
    ("job_state_is_known", job("state = 'other', finished_at = NULL")),
    ("job_has_a_title", job("title = ''")),
    ("job_says_when_it_ended", job("state = 'canceled'")),
    ("job_says_when_it_ended", job("finished_at = now()")),
    ("only_an_ended_job_is_cleared", job("cleared_at = now()")),
    ("done_job_has_done_all_its_items", job("state = 'done', finished_at = now()")),
    ("done_job_has_done_all_its_items", job("state = 'done', finished_at = now(), total = 2, failed = 1")),
    ("failed_job_has_failures_or_an_error", job("state = 'failed', finished_at = now()")),
    ("job_has_a_bounded_number_of_items", job("total = 10000001")),
    ("tries_to_split_a_job_are_bounded", job("split_tries = -1")),
    ("no_more_fails_than_there_is", job("total = 1, failed = 2")),
    ("no_more_fails_than_there_is", job("failed = -1")),
    ("no_more_fails_than_there_is", job("failed = 1")),
    ("job_file_is_bounded", job("file_name = 'a', file_bytes = 209715201, file_sha256 = repeat('0', 64)")),
    ("job_file_has_a_name_and_a_hash", job("file_name = 'a.csv'")),
    ("job_file_has_a_name_and_a_hash", job("file_name = 'a', file_bytes = 1, file_sha256 = 'x'")),
    ("job_has_each_item_once", added("number")),
    ("item_state_is_known", item("state = 'other', finished_at = now()")),
    ("items_are_numbered_from_one", added("0")),
    ("item_tries_are_bounded", item("tries = -1")),
    ("item_says_when_it_ended", item("finished_at = now()")),
    ("item_says_when_it_ended", item("state = 'done'")),
    ("failed_item_says_why", item("state = 'failed', finished_at = now()")),
    ("done_item_has_no_error", item("state = 'done', error = 'x', finished_at = now()")),
    ("job_item_is_done_once", DONE.format("state = 'waiting', finished_at = NULL")),
    ("job_item_is_done_once", DONE.format("figures = '{}'")),
    ("job_item_is_done_once", item("number = number + 1")),
    ("job_item_is_done_once", "DELETE FROM billing_jobitem"),
    ("file_has_each_part_once", "INSERT INTO billing_jobpart (job_id, number, content)"
        " SELECT job_id, number, content FROM billing_jobpart"),
    ("file_part_is_bounded", "UPDATE billing_jobpart SET number = -1"),
]  # fmt: skip


@pytest.fixture(scope="module", autouse=True)
def job_rows(shared_transaction: None) -> None:
    """Create a job with one item done and one waiting, and another job with a part of a file."""
    make_job(3)
    work_all(most=1)
    JobPart.objects.create(job=make_job(1), number=0, content=b"x")


@pytest.mark.parametrize(("name", "statement"), CASES, ids=[name for name, _ in CASES])
def test_a_violated_constraint_is_rejected(name: str, statement: str):
    assert refused_by(statement) == name


def test_items_of_a_dry_run_may_be_reset():
    make_job(1, dry_run=True)
    work_all()
    reset = "UPDATE billing_jobitem SET state = 'waiting', finished_at = NULL WHERE job_id IN"
    assert refused_by(f"{reset} (SELECT id FROM billing_job WHERE dry_run)") == "nothing"  # noqa: S608
