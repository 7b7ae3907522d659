"""The parts of the operator's command, a module for each of its words."""
