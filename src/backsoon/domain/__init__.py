"""The rules: what a calendar entry does to a telephone. Pure functions of data and one instant.

Standard library only; no clock, no input or output, no logging. Every instant is an aware datetime in UTC.
"""
