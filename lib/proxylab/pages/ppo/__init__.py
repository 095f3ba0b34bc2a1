"""The page on PPO across reward models: one module a section, `rows` for what they share."""
