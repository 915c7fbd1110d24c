"""Revenue and metrics over HTTP: the scope `revenue` reads them."""
