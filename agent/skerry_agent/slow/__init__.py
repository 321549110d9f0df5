"""What takes long or may hang: looked at by child processes that nothing waits for."""
