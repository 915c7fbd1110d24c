"""A file counts like the same events sent to the API: each once, also when a killed import runs again."""

import csv
import json
from datetime import UTC, datetime

import pytest
from django.core.management import CommandError, call_command

from billing.models import Counter, Event
from lib.task_clock import database_time
from tests.api.calls import Caller
from tests.builders import make_customer, make_meter, make_plan, offer, publish, rate, subscribe
from tests.clean_books import assert_clean
from tests.killed_processes import kill_at

pytestmark = pytest.mark.django_db
NOW = datetime(2026, 11, 20, tzinfo=UTC)


def make_metered_subscription():
    make_meter("tokens", aggregation="sum", value_property="n")
    subscribe(make_customer("acme"), publish(make_plan(offers=[offer("tokens", rates=[rate("1")])])))


def write(folder, rows, head="id,customer,event,timestamp,properties.n"):
    path = folder / "usage.csv"
    path.write_text("\n".join([head, *rows]) + "\n", encoding="utf-8")
    return path


def row(number, n="1", customer="acme"):
    return f"e{number},{customer},tokens,2026-11-05T10:00:00Z,{n}"


def run(capsys, *arguments):
    call_command("import_usage", *map(str, arguments), "--json")
    return json.loads(capsys.readouterr().out)


@pytest.fixture
def metered_customer(monkeypatch):
    monkeypatch.setattr("billing.management.commands.import_usage.database_time", lambda: NOW)
    make_metered_subscription()


def total():
    return sum(counter.quantity for counter in Counter.objects.all())


def test_a_file_is_counted_once_however_often_it_is_imported(metered_customer, tmp_path, capsys):
    path = write(tmp_path, [row(1, "0.1"), row(2, "0.2"), row(2, "0.2"), row(3, "0.3", customer="nobody")])
    first = run(capsys, path)
    assert (first["rows"], first["accepted"], first["duplicate"]) == (4, 3, 1)
    assert str(total()) == "0.3"
    second = run(capsys, path)
    assert (second["accepted"], second["duplicate"]) == (0, 4)
    assert Event.objects.count() == 3
    assert_clean("usage", "jobs")


def test_a_dry_run_lists_the_changes_and_stores_nothing(metered_customer, tmp_path, capsys):
    path = write(tmp_path, [row(1), row(1), row(2, "x"), row(3, customer="nobody")])
    summary = run(capsys, path, "--dry-run")
    assert (summary["accepted"], summary["duplicate"]) == (3, 1)
    assert summary["unmatched"] == {"bad_value": 1, "unknown_customer": 1}
    assert not Event.objects.exists()


def test_an_event_sent_over_http_is_a_duplicate_in_a_file(db, tmp_path, capsys):
    make_metered_subscription()
    stamp = database_time().replace(microsecond=0).isoformat()
    Caller().post("/events", {**event("e1", 1.5), "timestamp": stamp})
    path = write(tmp_path, [f"e1,acme,tokens,{stamp},1.50"])
    assert run(capsys, path)["duplicate"] == 1


def event(id_, n):
    return {"id": id_, "customer": "acme", "event": "tokens", "properties": {"n": n}}


def test_rejected_rows_are_written_with_their_reason(metered_customer, tmp_path, capsys):
    path, refused = write(tmp_path, [row(1), "=e2,acme,tokens,yesterday,1", row(1, "2")]), tmp_path / "refused.csv"
    with pytest.raises(CommandError, match="2 rows were rejected"):
        call_command("import_usage", str(path), "--refused", str(refused))
    rows = list(csv.reader(refused.open(encoding="utf-8")))
    assert rows[0] == ["row", "id", "field", "detail"]
    assert rows[1][0] == "3"
    assert rows[1][2] == "timestamp"
    assert rows[2] == ["4", "e1", "id", "was stored before with different content; use a new ID for a new event"]
    assert "3 rows: 1 stored" in capsys.readouterr().out


@pytest.mark.parametrize("arguments", [["--map", "x"], ["--map", "tokens=id"], ["--format", "parquet"]])
def test_an_invalid_argument_is_rejected(metered_customer, tmp_path, arguments):
    with pytest.raises(CommandError):
        call_command("import_usage", str(write(tmp_path, [row(1)])), *arguments)
    assert not Event.objects.exists()


@pytest.mark.slow
@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("place", ["ingest.after_counters", "ingest.after_commit", "import.after_batch"])
def test_a_killed_import_is_finished_by_the_next(place, tmp_path, capsys):
    make_metered_subscription()
    stamp = database_time().isoformat()
    path = write(tmp_path, [f"e{number},acme,tokens,{stamp},1" for number in range(2_500)])
    kill_at(place, lambda: call_command("import_usage", str(path), "--json"), tmp_path)
    assert Event.objects.count() in (0, 1_000)
    done = run(capsys, path)
    assert done["accepted"] + done["duplicate"] == 2_500
    assert (Event.objects.count(), total()) == (2_500, 2_500)
    assert_clean("usage", "jobs")
