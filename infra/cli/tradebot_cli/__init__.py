"""The command line for people at a terminal. It reads files, asks the engine and shows; it decides nothing."""
