"""What is asked: probe suites as plugins, and the word lists behind them."""
