"""Whether people can still log in while somebody attacks: attackers, callers, a report."""
