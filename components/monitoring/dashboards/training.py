"""Training: jobs on the cluster, what waits in the queues, and jobs that SageMaker runs."""

from grafana_foundation_sdk.builders import dashboard

from components.monitoring.dashboards.layout import Section, dashboard_of
from components.monitoring.dashboards.panels import THIRD, Cloud, CloudSearch, Prom, lines, listing, number
from components.monitoring.dashboards.variables import label_values, words

JOBS = "/aws/sagemaker/TrainingJobs"
CHOSEN = 'namespace=~"$namespace"'


def search_of_jobs(period_s: int) -> str:
    """What jobs print, of the jobs whose names hold the words of the variable `jobs`; of all where it is empty.

    A namespace with a slash goes in quotes (the schema's rule for what is not a letter or digit).
    """
    return f"SEARCH('{{\"{JOBS}\",TrainingJobName}} $jobs', 'Average', {period_s})"


def training() -> dashboard.Dashboard:
    """Do jobs start, run and end well?"""
    return dashboard_of(
        "training",
        "Training jobs",
        "Do jobs start, run and end well? Jobs on the cluster by team, queues, and managed jobs by host.",
        [_cluster_jobs(), _queues(), _managed_jobs()],
        variables=[
            label_values("namespace", "Team", "kube_job_status_active", "namespace"),
            words("jobs", "Managed jobs", "Words that the names of managed jobs hold, such as research flight"),
        ],
        hours=24,
    )


def _cluster_jobs() -> Section:
    running = f"(kube_job_status_active{{{CHOSEN}}} > 0)"
    return Section(
        title="Jobs on the cluster",
        panels=[
            number(
                "Running",
                "Jobs with a pod that runs or waits.",
                "short",
                Prom(expr=f"count{running} or vector(0)"),
            ),
            number(
                "Succeeded",
                "Jobs that are there and ended well.",
                "short",
                Prom(expr=f'sum(kube_job_complete{{{CHOSEN},condition="true"}}) or vector(0)'),
            ),
            number(
                "Failed",
                "Jobs that are there and failed for good.",
                "short",
                Prom(expr=f'sum(kube_job_failed{{{CHOSEN},condition="true"}}) or vector(0)'),
                bad_from=1,
            ),
            number(
                "Longest running",
                "Time since the oldest running job started.",
                "s",
                Prom(
                    expr=f"max(time() - kube_job_status_start_time{{{CHOSEN}}} and on (namespace, job_name) {running}) "
                    "or vector(0)"
                ),
            ),
            lines(
                "Pods of jobs by team",
                "Pods that run or wait.",
                "short",
                Prom(expr=f"sum by (namespace) (kube_job_status_active{{{CHOSEN}}})", legend="{{namespace}}"),
                stacked=True,
            ),
            listing(
                "Pods that failed, by job",
                "A job tries again until its limit: failed pods of a job that goes on are tries.",
                "short",
                Prom(expr=f"sum by (namespace, job_name) (kube_job_status_failed{{{CHOSEN}}}) > 0 or vector(0)"),
            ),
        ],
    )


def _queues() -> Section:
    return Section(
        title="Queues",
        panels=[
            lines(
                "Workloads that wait",
                "By queue (one a team): they wait for quota of their own or to borrow.",
                "short",
                Prom(expr="kube_customresource_clusterqueue_pending_workloads", legend="{{clusterqueue}}"),
            ),
            lines(
                "Workloads that were let in",
                "By queue.",
                "short",
                Prom(expr="kube_customresource_clusterqueue_admitted_workloads", legend="{{clusterqueue}}"),
                stacked=True,
            ),
        ],
    )


def _managed_jobs() -> Section:
    def of_hosts(metric: str) -> Cloud:
        return Cloud(
            namespace=JOBS,
            metric=metric,
            statistic="Average",
            dimensions={"Host": "*"},
            label="${PROP('Dim.Host')}",
        )

    return Section(
        title="Managed jobs (SageMaker)",
        panels=[
            lines(
                "What the jobs print",
                "The metrics of job.yaml, by job: loss, accuracy and whatever else a job names.",
                "short",
                CloudSearch(
                    expression=search_of_jobs(60),
                    label="${PROP('Dim.TrainingJobName')} ${PROP('MetricName')}",
                ),
                width=24,
            ),
            lines(
                "CPU",
                "Percent of one CPU: eight busy CPUs are 800.",
                "percent",
                of_hosts("CPUUtilization"),
                width=THIRD,
            ),
            lines(
                "GPU",
                "Percent of one GPU: eight busy GPUs are 800.",
                "percent",
                of_hosts("GPUUtilization"),
                width=THIRD,
            ),
            lines(
                "GPU memory", "Percent of one GPU's memory.", "percent", of_hosts("GPUMemoryUtilization"), width=THIRD
            ),
            lines("Memory", "Percent of the host's memory.", "percent", of_hosts("MemoryUtilization"), limit=95),
            lines("Disk", "Percent of the job's volume.", "percent", of_hosts("DiskUtilization"), limit=90),
        ],
    )
