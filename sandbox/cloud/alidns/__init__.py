"""Alidns: domains and records, and the DNS server that answers them."""
