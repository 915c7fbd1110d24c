"""The life of a subscription: drafts, creation, trials, pauses, cancellation and end."""
