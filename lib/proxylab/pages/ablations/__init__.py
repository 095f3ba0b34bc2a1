"""The page on ablations and the map: one module a section, `detection` for what they share."""
