"""The page on the conflict metrics: one module a section."""
