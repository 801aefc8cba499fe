"""What each subcommand of `ml` does. `ml.cli` has their options and help, and imports what is called."""
