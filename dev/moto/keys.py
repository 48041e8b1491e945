"""Makes the one user that a fresh moto server lets in, and a bucket.

Usage: keys.py ENDPOINT BUCKET        prints the access key and the secret key

The server checks signatures after its first three calls. These are spent here: on a user, on its
key, and on the policy that lets it do everything.
"""

import json
import sys

import boto3

endpoint, bucket = sys.argv[1:]
anyone = {"aws_access_key_id": "anyone", "aws_secret_access_key": "anyone"}
where = {"endpoint_url": endpoint, "region_name": "us-east-1"}
everything = {
    "Version": "2012-10-17",
    "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}],
}

iam = boto3.client("iam", **anyone, **where)
iam.create_user(UserName="lakeseed")
key = iam.create_access_key(UserName="lakeseed")["AccessKey"]
iam.put_user_policy(
    UserName="lakeseed", PolicyName="everything", PolicyDocument=json.dumps(everything)
)
access_key, secret_key = key["AccessKeyId"], key["SecretAccessKey"]

user = {"aws_access_key_id": access_key, "aws_secret_access_key": secret_key}
boto3.client("s3", **user, **where).create_bucket(Bucket=bucket)

# A server that lets anyone in would prove nothing about keys.
try:
    boto3.client("s3", **anyone, **where).list_buckets()
except boto3.client("s3", **user, **where).exceptions.ClientError:
    print(access_key, secret_key)
else:
    sys.exit("the server does not check keys")
