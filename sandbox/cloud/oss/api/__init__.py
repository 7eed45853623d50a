"""Object storage's operations, by what they act on; `routes` says which request is which."""
