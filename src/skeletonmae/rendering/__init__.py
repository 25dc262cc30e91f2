"""Moving pictures of recordings and videos: skeletons, numbers, labels and a time line. Needs Pillow and PyAV."""
