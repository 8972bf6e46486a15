"""AWS's behaviour where it is documented, as pure code: no emulator, no network, no clock, no thread.

The adapters of the local run and the tests use the same pieces. Each says which page a rule comes from, and what AWS
leaves open.
"""
