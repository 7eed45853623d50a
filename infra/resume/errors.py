"""What goes wrong when an update is taken up."""


class ResumeError(Exception):
    """One line: what is the matter, and the way out. Nothing of the stack was lost."""
