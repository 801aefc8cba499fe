//go:build tools

// Package tools pins the actionlint that checks the shipped workflows.
package tools

import _ "github.com/rhysd/actionlint/cmd/actionlint"
