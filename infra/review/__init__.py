"""The review of a change: which stacks it touches, what `pulumi preview` says of each, what it costs, and the verdict.

`python -m infra.review --base REF` writes one Markdown comment. Everything but `git`, `pulumi` and the health check is
pure: a comment is a function of recorded engine events, stack files and the price table.
"""
