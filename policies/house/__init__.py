"""Rules of this program's own: each business inside its fences, and its data kept."""
