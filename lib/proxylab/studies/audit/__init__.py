"""The audit study: report cards of proxies, and what the audit finds of injected biases.

`run` audits the proxies of one run and records the tables, `setting` makes the proxies, probes and
pairs that they share, `detection` injects biases and counts what was found over seeds.
"""
