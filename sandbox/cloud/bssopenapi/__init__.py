"""Billing: only what tells clients that the account is a domestic one."""
