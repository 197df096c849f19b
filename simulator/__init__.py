"""A Tinder-compatible deck server with drawn people and hidden tastes, for demos and tests only."""
