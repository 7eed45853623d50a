"""Takes up an update whose engine was killed: what it was making becomes the stack's, wherever the cloud says it is."""
