"""The page of report cards: one module a section, `rows` for what they share."""
