"""What hosts say of themselves, parsed: pure."""
