"""What an image must do, and how it is checked."""
