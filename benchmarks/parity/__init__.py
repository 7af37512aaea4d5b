"""The same numbers from other libraries: Frechet distance, kernel distance and CLIP-score on equal features."""
