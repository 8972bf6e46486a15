"""Policies for CloudFormation and for people: printed by `tracelake policies`, not deployed."""
