//go:build tools

// Package tools pins the Terraform that writes the state files of the tests.
package tools

import _ "github.com/hashicorp/terraform"
