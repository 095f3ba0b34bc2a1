"""Do proxies agree with people: in the world, on real votes, and what 350 pairs can tell."""
