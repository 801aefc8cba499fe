"""What a change would do, told to whoever reviews it: `groundwork preview`."""
