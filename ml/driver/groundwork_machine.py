"""How busy the machine is, under the names of MLflow's system metrics, so that its UI shows them on their own page.

Standard library only, like the driver that it goes with: /proc for processor, memory and network, nvidia-smi for GPUs.
Names and units: https://mlflow.org/docs/latest/ml/tracking/system-metrics/
"""

# It runs in Pythons that this project does not choose.
# pyright: basic
# os.path and open, not pathlib, whose import a job's start would wait for.
# ruff: noqa: PTH123

import os
import shutil
import subprocess

GPU_QUERY = "index,utilization.gpu,memory.used,memory.total,power.draw,enforced.power.limit"
"""Fields of `nvidia-smi --query-gpu`; memory in MiB, power in W (`nvidia-smi --help-query-gpu`)."""
MIB = 1.048576
"""Megabytes of a mebibyte."""


class Machine:
    """Reads the machine's load; the processor's is that since the last reading."""

    def __init__(self):
        self._processor = _processor_times()
        self._network = _network_bytes()
        self._nvidia = shutil.which("nvidia-smi")

    def reading(self):
        """Metric to value, now. What the machine does not tell is left out."""
        values = {}
        busy, total = _processor_times()
        before_busy, before_total = self._processor
        if total > before_total:
            values["system/cpu_utilization_percentage"] = 100.0 * (busy - before_busy) / (total - before_total)
            self._processor = busy, total
        values.update(_memory())
        disk = shutil.disk_usage("/")
        values["system/disk_usage_percentage"] = 100.0 * disk.used / disk.total
        values["system/disk_usage_megabytes"] = disk.used / 1e6
        values["system/disk_available_megabytes"] = disk.free / 1e6
        received, sent = _network_bytes()
        values["system/network_receive_megabytes"] = (received - self._network[0]) / 1e6
        values["system/network_transmit_megabytes"] = (sent - self._network[1]) / 1e6
        if self._nvidia:
            values.update(self._gpus())
        return {name: round(value, 1) for name, value in values.items()}

    def _gpus(self):
        command = [self._nvidia, "--query-gpu=" + GPU_QUERY, "--format=csv,noheader,nounits"]
        try:
            return gpu_metrics(subprocess.run(command, stdout=subprocess.PIPE, timeout=10).stdout.decode())
        except (OSError, subprocess.SubprocessError):
            self._nvidia = None
            return {}


def gpu_metrics(text):
    """Metrics from what nvidia-smi answers to GPU_QUERY; a field that a GPU does not have (`[N/A]`) is left out."""
    values = {}
    for line in text.splitlines():
        fields = [field.strip() for field in line.split(",")]
        if len(fields) != 6 or not fields[0].isdigit():
            continue
        prefix = "system/gpu_" + fields[0] + "_"
        load, used, whole, power, limit = (_number(field) for field in fields[1:])
        if load is not None:
            values[prefix + "utilization_percentage"] = load
        if used is not None:
            values[prefix + "memory_usage_megabytes"] = used * MIB
            if whole:
                values[prefix + "memory_usage_percentage"] = 100.0 * used / whole
        if power is not None:
            values[prefix + "power_usage_watts"] = power
            if limit:
                values[prefix + "power_usage_percentage"] = 100.0 * power / limit
    return values


def _number(text):
    try:
        return float(text)
    except ValueError:
        return None


def _processor_times():
    """Busy and all time of all processors (https://man7.org/linux/man-pages/man5/proc_stat.5.html)."""
    try:
        with open("/proc/stat") as file:
            times = [int(word) for word in file.readline().split()[1:9]]
    except OSError:
        return os.times()[0], 0
    return sum(times) - times[3] - times[4], sum(times)


def _memory():
    try:
        with open("/proc/meminfo") as file:
            kilobytes = {line.split(":")[0]: int(line.split()[1]) for line in file if len(line.split()) > 1}
        whole = kilobytes["MemTotal"]
        used = whole - kilobytes["MemAvailable"]
    except (OSError, KeyError, ValueError):
        return {}
    return {
        "system/system_memory_usage_megabytes": used * 1024 / 1e6,
        "system/system_memory_usage_percentage": 100.0 * used / whole,
    }


def _network_bytes():
    """Bytes received and sent by all interfaces but loopback."""
    received = sent = 0
    try:
        with open("/proc/net/dev") as file:
            for line in file.readlines()[2:]:
                name, _, numbers = line.partition(":")
                if name.strip() != "lo":
                    words = numbers.split()
                    received, sent = received + int(words[0]), sent + int(words[8])
    except (OSError, IndexError, ValueError):
        pass
    return received, sent
