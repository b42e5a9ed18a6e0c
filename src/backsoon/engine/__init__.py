"""Joins the parts: reading calendars, deciding, the clock, telling switchboards. Knows no vendor."""
