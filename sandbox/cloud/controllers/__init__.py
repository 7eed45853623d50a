"""The cloud's own controllers that act in clusters."""
