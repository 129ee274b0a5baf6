"""What the search by FLAML is made of: proposals, fits within a time, and how models are judged."""
