"""Finished models: published, promoted, listed, rolled back."""
