"""The honest report: each figure with its number, none without enough of them."""
