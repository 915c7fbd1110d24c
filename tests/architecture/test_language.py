"""Texts are plain: words that mark a sentence to rewrite stay rare in each area."""

from config.paths import PROJECT
from tests.architecture.language import MARKERS, count_markers


def test_markers_are_rare():
    rates = {
        f"{area}: {marker}": round(count.per_10_000(marker), 1)
        for area, count in count_markers(PROJECT).items()
        for marker, (_, most) in MARKERS.items()
        if count.per_10_000(marker) > most
    }
    assert rates == {}, "`python -m tests.architecture.language --list AREA` prints the lines"


def test_a_marker_is_counted_in_each_area(tmp_path):
    (tmp_path / "templates").mkdir()
    (tmp_path / "templates" / "page.html").write_text('<p title="What">{% translate "What it is" %}</p>')
    (tmp_path / "page.md").write_text("Whoever reads this\nwas told anew.")
    (tmp_path / "module.py").write_text('"""What it is."""\n\n# What for.\nTEXT = f"It comes to {1} beside"\n')
    hits = {area: sum(map(len, count.hits.values())) for area, count in count_markers(tmp_path).items()}
    assert hits == {"comments": 1, "docs": 3, "docstrings": 1, "strings": 1, "templates": 1}
