"""Elastic compute: security groups, zones and instance types (instances exist as nodes of clusters only)."""
