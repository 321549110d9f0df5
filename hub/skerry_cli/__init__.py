"""`skerry`, the operator's command line: a thin client of the hub's API. It decides nothing."""
