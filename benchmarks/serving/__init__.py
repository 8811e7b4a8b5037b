"""The same model served by this project and by its peers."""
