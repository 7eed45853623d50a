"""Pulumi's plugins, for machines where the official ones cannot be had: language host and Kubernetes provider.

Inside this package `import pulumi` still means the SDK, because all imports are absolute.
"""
