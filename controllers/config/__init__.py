"""The controllers' settings, read by the infrastructure program and by the controllers; free of every other import.

All run from the image `language-models/controllers`, as user 10001, with a read-only root file system.
"""
