"""What is provisioned: one Pulumi program for the platform and for every business. Importing it does nothing."""
