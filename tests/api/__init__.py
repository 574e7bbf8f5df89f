"""The endpoint: over real sockets, on both databases."""
