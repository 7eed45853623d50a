"""Pulumi's plugins for machines where the official ones cannot be had: language host, Kubernetes provider, installation.

Inside this package `import pulumi` still means the SDK, because all imports are absolute.
"""
