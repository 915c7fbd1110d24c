"""The customers' own pages: who comes in, how long they stay, and what is theirs. docs/portal.md."""
