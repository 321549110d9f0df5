"""The one thread that changes anything: what comes to it, what it does, what it sends."""
