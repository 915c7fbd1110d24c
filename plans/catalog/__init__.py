"""Plan versions as data: their terms, snapshots, copies and differences."""
