"""The monitor service: shows the cameras and visits in a browser."""
