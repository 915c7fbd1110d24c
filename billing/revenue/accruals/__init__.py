"""Accruals: revenue that periods have earned by a month's end and that no line accounts for yet."""
