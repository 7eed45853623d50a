"""Location: where a service's endpoint is."""
