"""How pictures and messages reach those who watch, and at what rate."""
