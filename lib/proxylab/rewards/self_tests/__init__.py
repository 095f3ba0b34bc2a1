"""What can be asked of a proxy before it is trusted, one module a question's kind.

`proxylab.rewards.self_test` asks them; import from there.
"""
