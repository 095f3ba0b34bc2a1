"""Reward models: one scoring interface, and everything that implements, trains or checks one.

Import from the submodules; torch and transformers load only with those that need them.
"""
