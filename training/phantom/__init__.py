"""Trains the models of ``generators/phantom``: tokenizer, diffusion, GAN, CLIP and oracle."""
