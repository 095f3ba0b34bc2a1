"""The page of what did not work: every comparison that came out as noise or against expectation."""
