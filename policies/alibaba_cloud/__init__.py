"""The rules that Checkov has for Alibaba Cloud (CKV_ALI_*), over Pulumi's inputs instead of Terraform's.

The numbers and meanings are Checkov's (https://www.checkov.io/5.Policy%20Index/terraform.html); the code is our own.
"""
