package denylist

import (
	"fmt"
	"strconv"
	"strings"
)

// serverInfo is the reply to INFO: its fields by name.
type serverInfo map[string]string

// parseInfo reads "name:value" lines and skips the others.
func parseInfo(text string) serverInfo {
	info := serverInfo{}
	for line := range strings.Lines(text) {
		if name, value, ok := strings.Cut(strings.TrimSpace(line), ":"); ok && !strings.HasPrefix(name, "#") {
			info[name] = value
		}
	}
	return info
}

// number is a field that is a number; 0 where it is none.
func (i serverInfo) number(name string) int64 {
	n, err := strconv.ParseInt(i[name], 10, 64)
	if err != nil {
		return 0
	}
	return n
}

func (i serverInfo) describe(s *ServerInfo) {
	s.Product, s.Version = "redis", i["redis_version"]
	if v := i["valkey_version"]; v != "" {
		s.Product, s.Version = "valkey", v
	}
	s.Role = i["role"]
	s.Eviction = i["maxmemory_policy"]
	s.UsedMemory = i.number("used_memory")
	s.MaxMemory = i.number("maxmemory")
	s.EvictedKeys = i.number("evicted_keys")
}

// The oldest versions that have what the scripts use.
var oldest = map[string][2]int{"redis": {7, 0}, "valkey": {7, 2}}

// faults says why a server cannot keep a denylist, and what to do.
func (i serverInfo) faults(s ServerInfo, cluster bool) []string {
	var wrong []string
	add := func(format string, args ...any) { wrong = append(wrong, fmt.Sprintf(format, args...)) }
	switch mode := i["redis_mode"]; {
	case mode == "sentinel":
		// It has no data, so nothing else matters.
		return []string{"this is a sentinel: name the master as redis+sentinel://…?master_name=…"}
	case mode == "cluster" && !cluster:
		add("this is a node of a Cluster: name it as redis+cluster://…")
	}
	if need := oldest[s.Product]; olderThan(s.Version, need) {
		add("%s %.20s is too old: %d.%d or later is needed", s.Product, s.Version, need[0], need[1])
	}
	if s.Role != "master" {
		add("its role is %.20q: connect to the master", s.Role)
	}
	switch {
	case s.Eviction == "":
		add("INFO does not tell its maxmemory-policy: allow this user the whole of INFO")
	case s.MaxMemory > 0 && s.Eviction != "noeviction":
		add("with maxmemory-policy %.20s it drops revocations when memory is short: CONFIG SET maxmemory-policy noeviction", s.Eviction)
	}
	return wrong
}

// olderThan compares major and minor. A version that cannot be read is too old.
func olderThan(version string, need [2]int) bool {
	major, rest, _ := strings.Cut(version, ".")
	minor, _, _ := strings.Cut(rest, ".")
	a, errA := strconv.Atoi(major)
	b, errB := strconv.Atoi(minor)
	if errA != nil || errB != nil {
		return true
	}
	return a < need[0] || a == need[0] && b < need[1]
}
