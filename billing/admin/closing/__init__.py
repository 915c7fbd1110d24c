"""Staff pages of periods, invoice runs and the month end."""
