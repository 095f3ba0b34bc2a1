"""The page of deviations: where the project departs from the papers, why, and with what effect."""
