//go:build tools

// Package tools pins the Pulumi engine that the local stack builds when it can neither find nor download one.
package tools

import _ "github.com/pulumi/pulumi/pkg/v3/cmd/pulumi"
