"""What stops a review before there is anything to say."""


class ReviewError(Exception):
    """One line: what is wrong and the way out."""
