"""What each subcommand of `ml` does. `ml.command_line` has their options and help, and imports what is called."""
