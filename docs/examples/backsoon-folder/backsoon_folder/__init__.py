"""A plug-in for Backsoon: `kind = "folder"` of switchboards, `kind = "csv"` of calendars."""
