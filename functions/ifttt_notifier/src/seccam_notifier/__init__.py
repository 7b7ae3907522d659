"""The notifier: takes one event after another off the queue and notifies the phone of it.

It promises that an event that comes in is notified, suppressed on record, sent to a delay queue or parked, and that only
then it lets go of the event. `nuclio` runs it in Nuclio's processor, `__main__` without one.
"""

PROGRAM = "seccam-notifier"
