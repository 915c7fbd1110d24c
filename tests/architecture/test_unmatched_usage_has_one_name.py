"""Usage that no price covers is called unmatched; finance reads “unbilled” as earned and not yet invoiced."""

from config.paths import PROJECT

TEXTS = ("docs/**/*.md", "templates/**/*.html", "*/api/**/*.py", "*/admin/**/*.py", "*/management/**/*.py")

IN_FINANCES_SENSE = {
    "billing/admin/closing/month_page.py": 2,
    "billing/admin/revenue/report_cards.py": 2,
    "billing/admin/revenue/report_texts.py": 1,
    "billing/admin/revenue/reports.py": 2,
    "docs/audit.md": 2,  # the check of late usage of closed periods, and the balance
    "docs/closing.md": 1,
    "docs/decisions/0064-accruals-follow-from-the-next-invoice.md": 1,
    "docs/decisions/0066-a-posting-has-the-rate-of-its-source.md": 1,
    "docs/exchange-rates.md": 1,
    "docs/glossary.md": 1,  # the definition
    "docs/postings.md": 4,
    "docs/recognition.md": 4,
    "docs/revenue-reports.md": 1,
    "templates/staff/revenue/report.html": 3,
}


def test_screens_and_pages_say_unbilled_only_in_finances_sense():
    counts = {
        path.relative_to(PROJECT).as_posix(): path.read_text(encoding="utf-8").lower().count("unbilled")
        for pattern in TEXTS
        for path in PROJECT.glob(pattern)
    }
    assert {path: count for path, count in counts.items() if count} == IN_FINANCES_SENSE
