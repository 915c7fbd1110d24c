"""Pages of revenue: reports with their charts, and the postings behind each figure."""
