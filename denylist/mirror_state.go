package denylist

var mirrorStateNames = [...]string{
	MirrorIdle: "idle", MirrorLoading: "loading", MirrorFresh: "fresh", MirrorStale: "stale", MirrorFull: "full",
}

func (s MirrorState) String() string {
	if s > MirrorFull {
		return "unknown"
	}
	return mirrorStateNames[s]
}
