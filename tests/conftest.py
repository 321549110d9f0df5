"""For all tests."""

import signal

# A run in the background inherits an ignored Ctrl-C, and would hand that on to all that it starts.
signal.signal(signal.SIGINT, signal.default_int_handler)
