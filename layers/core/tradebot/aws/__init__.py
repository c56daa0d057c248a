"""The AWS services that use cases call. boto3 is imported by whoever makes a client, never here."""
