"""What is promised of distances between sets of images: memory of streaming moments, speed, coverage of intervals."""
