"""What comes in from the broker: frames, statuses, detections and events."""
