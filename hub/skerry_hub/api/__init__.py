"""The HTTP API: requests in, answers out; every change goes through the writer."""
