"""Tasks in which a policy acts in many episodes: what it observes, does, is rewarded for, and what ends an episode."""
