"""Drills: break a running job on purpose, and measure how long it takes to be at work again.

A drill does what a person with `kubectl` could do, and to nodes what a command given to it does (on the sandbox:
`python -m sandbox fault node stop`). It measures by itself, from outside.
"""
