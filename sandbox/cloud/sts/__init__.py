"""Security token service: temporary credentials of roles."""
