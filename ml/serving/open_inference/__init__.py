"""The Open Inference Protocol (V2) over HTTP: the protocol of KServe, Triton and Seldon's MLServer.

Specification: https://github.com/kserve/open-inference-protocol/blob/main/specification/protocol/inference_rest.md.
Binary tensors: https://github.com/triton-inference-server/server/blob/main/docs/protocol/extension_binary_data.md.
How columns become tensors is the convention of MLServer's pandas codec and MLflow runtime
(https://docs.seldon.ai/mlserver/user-guide/content-type): a column is an input of its name, with shape [rows] or
[rows, 1].
"""
