"""Directories: where people are listed beside the switchboard."""
