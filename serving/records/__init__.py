"""What was answered: metrics, the prediction log, recent activity."""
