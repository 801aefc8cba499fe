//go:build tools

// Package tools pins what measures the local stack: Prometheus, kube-state-metrics and the node exporter.
package tools

import (
	_ "github.com/prometheus/node_exporter"
	_ "github.com/prometheus/prometheus/cmd/prometheus"
	_ "github.com/prometheus/prometheus/cmd/promtool"
	_ "k8s.io/kube-state-metrics/v2"
)
