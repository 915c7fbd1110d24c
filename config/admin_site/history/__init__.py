"""The history of changes: who changed a row, when and why, recorded by database triggers, in words."""
