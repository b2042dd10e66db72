"""The static flow check: can any message of a plan reach a node below its label?"""
