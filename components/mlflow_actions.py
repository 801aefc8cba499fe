"""IAM actions of a tracking server managed by SageMaker.

Source: https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazonsagemakerwithmlflow.html
"""

_RECORD = (
    "CreateExperiment CreateRun UpdateRun UpdateExperiment RestoreExperiment RestoreRun SetExperimentTag SetTag "
    "DeleteTag LogBatch LogInputs LogMetric LogModel LogOutputs LogParam LogLoggedModelParams FinalizeLoggedModel "
    "SetLoggedModelTags StartTrace EndTrace SetTraceTag"
)
_READ = (
    "GetExperiment GetExperimentByName GetRun GetMetricHistory GetLoggedModel GetTraceInfo ListArtifacts "
    "ListLoggedModelArtifacts SearchExperiments SearchRuns SearchLoggedModels SearchTraces"
)
_REGISTER = (
    "CreateRegisteredModel CreateModelVersion UpdateRegisteredModel UpdateModelVersion RenameRegisteredModel "
    "GetRegisteredModel GetModelVersion GetModelVersionByAlias GetLatestModelVersions "
    "GetDownloadURIForModelVersionArtifacts SearchModelVersions SearchRegisteredModels SetRegisteredModelAlias "
    "DeleteRegisteredModelAlias SetRegisteredModelTag SetModelVersionTag TransitionModelVersionStage"
)

CLIENT_ACTIONS = tuple(f"sagemaker-mlflow:{action}" for action in f"{_RECORD} {_READ} {_REGISTER}".split())
"""What a client needs to record runs, read them and keep a model registry; not deleting what others recorded."""
