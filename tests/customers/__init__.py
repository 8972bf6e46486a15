"""Generated applications whose customers are known, to measure how well tracelake finds them."""
