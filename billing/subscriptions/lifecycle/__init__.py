"""A subscription from its creation to its end: drafts, trials, pauses, cancellation."""
