"""Who is who: device keys, certificates, the fleet's authority, join tokens, signatures."""
