"""The page "Judges and people", the judge's part: the paper's table 6, ours, places, and cost."""
