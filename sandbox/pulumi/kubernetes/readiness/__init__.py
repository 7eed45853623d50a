"""Waiting for objects: until they are ready, or gone; with words about what is missing."""
