"""The commands of `python -m sandbox`, a module a group: each declares its own with the function that runs it."""
