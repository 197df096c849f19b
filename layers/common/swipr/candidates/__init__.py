"""Candidates: what comes back from training, taken in, watched, promoted or refused."""
