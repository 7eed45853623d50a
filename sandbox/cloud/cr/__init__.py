"""Container registry (CR): namespaces and repositories of both editions; the images are `registry`'s."""
