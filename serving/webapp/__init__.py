"""The web app: pages that speak to the API alone, through `serving.client`."""
