"""The memory engine: stores what was said, finds what helps, forgets for good."""
