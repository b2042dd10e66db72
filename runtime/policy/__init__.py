"""What is sensitive, who may see what, and which ways down exist."""
