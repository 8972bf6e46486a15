"""Entry point of the CDK app: ``cdk synth`` and ``cdk deploy`` run this file."""

from stacks.application import main

main()
