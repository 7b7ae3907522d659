"""The notifier: takes events from the queue, one at a time, and notifies a phone of them.

Each event is notified, suppressed on record, sent to a delay queue or parked, and only then acknowledged. `nuclio` runs the
notifier in Nuclio's processor, `__main__` runs it alone.
"""

PROGRAM = "seccam-notifier"
