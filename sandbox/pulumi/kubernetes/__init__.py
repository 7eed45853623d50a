"""`pulumi-resource-kubernetes`: Pulumi's provider protocol over server-side apply."""
