"""A folder lies below the directory of the setting, and a missing directory is an error with a remedy."""

from io import BytesIO

import pytest
from django.core.management import call_command
from django.core.management.base import CommandError

from billing.models import DropPart
from billing.revenue.data_drop import tables
from billing.revenue.data_drop.folder import open_folder
from billing.revenue.data_drop.store import StoreFailed
from tests.billing.revenue.data_drop.drop_setup import Reader, finish, folder_target, start
from tests.builders import make_customer


def test_a_symbolic_link_leads_nowhere(tmp_path, drop_directory):
    (tmp_path / "outside").mkdir()
    (drop_directory / "link").symlink_to(tmp_path / "outside")
    with pytest.raises(StoreFailed, match=r"leads out of .* Remove the symbolic link"):
        open_folder(str(drop_directory), "link").write("a/b", BytesIO(b"x"), size=1, sha256="")
    assert not any((tmp_path / "outside").iterdir())


@pytest.mark.parametrize("path", ["../outside", "/etc", "a/../../outside"])
def test_a_path_leads_nowhere_else(drop_directory, path):
    with pytest.raises(StoreFailed, match="leads out of"):
        open_folder(str(drop_directory), path).delete("x")


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("directory", "reason"),
    [
        ("", "No directory is set for folders. Set TOLLBOOK_DROP_DIRECTORY, or use a bucket."),
        ("/nowhere/drops", "TOLLBOOK_DROP_DIRECTORY is “/nowhere/drops”, which is no directory on this host."),
        ("drops", "TOLLBOOK_DROP_DIRECTORY is “drops”, which is no directory on this host."),
    ],
)
def test_a_missing_directory_is_named(settings, directory, reason):
    settings.DROP_DIRECTORY = directory
    job = finish(start(folder_target()))
    assert job.state == "failed"
    assert job.items.first().error.startswith(reason)


@pytest.mark.django_db
def test_the_command_lists_the_files_and_continues_a_drop(drop_directory, capsys):
    number = make_customer("acme").pk // tables.IDS_PER_PART
    folder_target()
    call_command("data_drop", "--target", "warehouse", "--dry-run")
    assert f"customers  {number}  1" in capsys.readouterr().out
    assert not DropPart.objects.exists()
    job = start(folder_target("other"))
    call_command("data_drop")
    out = capsys.readouterr().out
    assert f"Job {job.pk} to other continues." in out
    for name in ("warehouse", "other"):
        assert len(Reader.of_folder(drop_directory / name).rows("customers")) == 1
    with pytest.raises(CommandError, match=r"There is no drop target “lake”\. There are: other, warehouse\."):
        call_command("data_drop", "--target", "lake")


@pytest.mark.django_db
def test_the_command_names_the_cause_of_a_failure(settings, capsys):
    settings.DROP_DIRECTORY = ""
    folder_target()
    with pytest.raises(CommandError, match="The drop to warehouse failed; the files that were published stay valid"):
        call_command("data_drop")
    assert "Set TOLLBOOK_DROP_DIRECTORY" in capsys.readouterr().err
