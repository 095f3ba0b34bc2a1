"""What the run notebooks do, put together from the rooms: one module a study.

A study joins profile, data, models and statistics; the rooms themselves know nothing of profiles.
"""
