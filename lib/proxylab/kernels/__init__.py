"""Kernels that start warm: one process a batch imports the libraries, every run is a fork of it.

`server` is that process; `client` starts it, and starts kernels through it where one is running.
"""
