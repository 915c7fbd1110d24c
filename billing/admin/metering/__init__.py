"""Staff pages of events, meters, corrections and unmatched usage."""
