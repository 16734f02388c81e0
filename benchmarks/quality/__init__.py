"""How good the forecasts are: predictors side by side on a file of readings, prequential, on days never looked at."""
