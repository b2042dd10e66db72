"""The one package through which anything can leave the edge."""
