"""The best placement there could be, how far another is from it, and safe steps to get there."""
