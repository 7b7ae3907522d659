"""Days of an installation, simulated: the real rules of workers and notifier, with a modelled network, clocks and faults."""
