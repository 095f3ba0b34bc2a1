"""Optimisers that align a policy with a proxy, on one interface."""
