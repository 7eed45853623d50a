"""What the sandbox's own user asks of the cloud, beside its APIs: paths under /_sandbox/."""
