"""The controlled world: prompts, responses, facts and a gold reward that are known exactly.

Real preference data has no ground truth and a laptop has no 7B model. Here the truth is a
documented function of the text, and the models are real ones trained from scratch. What holds in
this world is said to hold in it; it is an instrument, not a stand-in for language.
"""

from proxylab.world.gold import GoldParts, GoldReward
from proxylab.world.knowledge import World, build_world, misinformed
from proxylab.world.preferences import PreferenceTruth, draw_preferences, write_preferences
from proxylab.world.settings import NoiseRates, WorldSettings

__all__ = [
    "GoldParts",
    "GoldReward",
    "NoiseRates",
    "PreferenceTruth",
    "World",
    "WorldSettings",
    "build_world",
    "draw_preferences",
    "misinformed",
    "write_preferences",
]
