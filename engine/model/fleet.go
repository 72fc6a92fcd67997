package model

// Fleet is the fleet that a node belongs to, for what its rules count together with those of other nodes. Its methods must not block, and must not call back
// into the engine.
type Fleet interface {
	// Count counts a hit towards a threshold of all nodes. It reports false if it cannot: then this node's own count decides.
	Count(FleetHit) bool
	// Rate counts a hit for a rate or a ratio of all nodes. It reports false if it cannot: then this node's own comparison decides.
	Rate(FleetRated) bool
	// Saw notes that a template was seen, by a hit without an alert.
	Saw(FleetSight)
	// Step notes a hit of the other rule of a sequence of the fleet.
	Step(FleetStep)
	// Follow asks whether a hit came after one of the other rule on any node. It reports whether the alert, should it be made, shows this hit, and not an earlier one
	// with the same values that is still asked about.
	Follow(FleetFollow) bool
	// Wait notes a hit that waits for the other rule on any node. One that is noted already may be noted again.
	Wait(FleetWait)
	// Heard notes that a line was heard that must not be absent, or that it is waited for.
	Heard(FleetLine)
	// Await says which lines there are from now on, in place of all that were noted.
	Await([]FleetLine)
	// DownSince returns since when the fleet does not answer, ns, and whether that is so.
	DownSince() (since int64, down bool)
}

// FleetLine is a line that an absence rule of the fleet waits for.
type FleetLine struct {
	Key, RuleID, Workload string // Key is that of Alert.Key
	Within                int64  // ns
	At                    int64  // when it was heard last, ns; 0: never, the wait began
}

// FleetStep is a hit of the other rule of a sequence.
type FleetStep struct {
	Sequence   string // the rule that names the other one, and the values of by
	At, Within int64  // ns
}

// FleetFollow is a hit of a rule of the fleet with after that follows none of the other rule on its node.
type FleetFollow struct {
	Sequence, Key string // Key is the cooldown key; see Alert.Key
	At, Within    int64  // ns
	Shown         any    // handed back to the engine with the answer
}

// FleetWait is a hit of a rule of the fleet with without.
type FleetWait struct {
	Sequence string // as the key; see Alert.Key
	At, From int64  // when it happened, and since when it waits, ns
	Within   int64  // ns
	RuleID   string
	Workload string
	Shown    Alert // that would be sent
}

// FleetSight is a template of a rule of the fleet with first_seen.
type FleetSight struct {
	Template string // its digest, with the rule and the workload
	For      int64  // how long it is remembered, ns
	// With first_seen = "image": the image's identity with the workload, when the template was seen first here, and when the image appeared here, 0 for
	// unknown; ns. Image "": the hit has none, or the rule goes by time.
	Image           string
	First, Appeared int64
}

// FleetRated is a hit that counts for a rule of the fleet with rate or ratio.
type FleetRated struct {
	Key          string // the hits that are counted together
	At           int64  // when it happened, ns
	Within, Than int64  // ns; without Than, it is of a ratio
	Other        bool   // of the other rule of a ratio
	// Alerts is the cooldown key whose alert the hit may make, see Alert.Key; "": none. The rest is of that alert.
	Alerts string
	// Cooldown and CooldownMax, in ns, are those of the rule.
	Cooldown, CooldownMax int64

	Above      int64 // factor, in units of package rate
	Millionths int64 // of a ratio
	Reached    bool  // and that share is enough
	AtLeast    int
}

// FleetCompared is what a rate or a ratio of the fleet compared.
type FleetCompared struct {
	Hits   int64
	Usual  int64 // of a rate, in units of package rate
	Others int64 // of a ratio
}

// FleetHit is a hit of a rule of the fleet with count.
type FleetHit struct {
	Key              string // the cooldown key; see Alert.Key
	At               int64  // when it happened, ns
	Count            int
	Within, Cooldown int64  // ns
	CooldownMax      int64  // ns; see rules.RuleSettings
	Distinct         string // the source of the values that are counted; "": hits are
	Value            uint64 // a digest of the value
}
