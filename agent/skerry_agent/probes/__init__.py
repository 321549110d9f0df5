"""Reads what a box has, one class of hardware in each module; `table.PROBES` lists them."""
