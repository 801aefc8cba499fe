"""SageMaker's data plane: jobs, batch transforms and endpoints that truly run, as processes of this machine.

Importing this package registers its operations with the AWS server.
"""

from local.aws_server.sagemaker import async_operations as async_operations
from local.aws_server.sagemaker import component_operations as component_operations
from local.aws_server.sagemaker import endpoint_operations as endpoint_operations
from local.aws_server.sagemaker import experiment_operations as experiment_operations
from local.aws_server.sagemaker import invoke as invoke
from local.aws_server.sagemaker import lifecycle as lifecycle
from local.aws_server.sagemaker import lineage as lineage
from local.aws_server.sagemaker import model_package_groups as model_package_groups
from local.aws_server.sagemaker import model_packages as model_packages
from local.aws_server.sagemaker import models as models
from local.aws_server.sagemaker import monitoring_definitions as monitoring_definitions
from local.aws_server.sagemaker import monitoring_operations as monitoring_operations
from local.aws_server.sagemaker import processing_operations as processing_operations
from local.aws_server.sagemaker import refused as refused
from local.aws_server.sagemaker import search as search
from local.aws_server.sagemaker import tags as tags
from local.aws_server.sagemaker import training_operations as training_operations
from local.aws_server.sagemaker import transform_operations as transform_operations
