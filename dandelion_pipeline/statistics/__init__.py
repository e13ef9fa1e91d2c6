"""What numbers of few photos can prove: intervals, exact tests, calibration.

In: counts and probabilities. Out: figures. It knows neither photos nor models.
"""
