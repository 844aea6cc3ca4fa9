"""The corrections that a service took: listed, shown, searched for slips, and removed."""
