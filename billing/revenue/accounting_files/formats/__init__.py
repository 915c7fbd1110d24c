"""The forms of accounting files. Pure: journal entries in, bytes out; no Django, no database, no clock."""
