"""Commands that measure what the documentation claims, each figure beside a reference: `python -m benchmarks`."""
