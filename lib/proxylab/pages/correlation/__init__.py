"""The page on whether proxies agree with people: figure 4 of the paper, real votes, JudgeBench."""
