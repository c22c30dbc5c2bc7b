"""What a host should be, what it is, and the changes between the two: pure."""
