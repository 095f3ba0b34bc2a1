"""The page on people: how far they agree, aggregation of their votes, and the human ceiling."""
