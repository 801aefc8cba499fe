"""S3: the default retention of a bucket, which moto answers with a 0 for what was not set.

Source: https://docs.aws.amazon.com/AmazonS3/latest/API/API_DefaultRetention.html (days or years, never both).
"""

from typing import Any

from local.aws_server.operations import Call, operation


@operation("s3", "GetObjectLockConfiguration")
def get_object_lock_configuration(call: Call) -> dict[str, Any]:
    answer = call.forward()
    rule = answer.get("ObjectLockConfiguration", {}).get("Rule")
    if rule:
        retention = rule["DefaultRetention"]
        rule["DefaultRetention"] = {name: value for name, value in retention.items() if value}
    return answer
