"""From a prediction back to the readings behind its model, every link held against the topics."""
