"""What a room of a daemon is, how rooms are found, and what they all use."""
