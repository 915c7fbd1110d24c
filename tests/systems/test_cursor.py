"""Cursor: a flat fee, 500 fast requests weighted by model, then slow ones, and extra ones by usage."""


def test_cursor_slows_requests_down_and_bills_extra_ones(story):
    cursor = story("cursor")
    cursor.set_up()
    cursor.subscribe()
    cursor.play()
    cursor.compare_invoices()
