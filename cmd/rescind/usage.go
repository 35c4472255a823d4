package main

import _ "embed"

// usageText is written by hand; a test compares it with what there is.
//
//go:embed usage.txt
var usageText string
