"""What a published model is (`bundle`, `manifest`) and which one is live (`log`)."""
