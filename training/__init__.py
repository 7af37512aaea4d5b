"""Scripts that train what the product ships. Never imported by it, and no part of the wheel."""
