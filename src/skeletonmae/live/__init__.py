"""From a camera to labels: frames as they come, the persons in them, and what each one does."""
