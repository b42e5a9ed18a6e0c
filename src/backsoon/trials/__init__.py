"""Trying what settings say before they are in force: calendars read, switchboards logged in to. Nothing is changed."""
