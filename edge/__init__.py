"""The edge daemon: small models on the device, and the one door through which anything leaves."""
