// Package denylisttest is the contract that every [denylist.Store] keeps, as a
// test suite. Run it against a store of your own:
//
//	func TestContract(t *testing.T) {
//		denylisttest.Run(t, func(t *testing.T) denylisttest.Subject {
//			return denylisttest.Subject{Store: mystore.New(t.TempDir())}
//		})
//	}
//
// What a store offers beside [denylist.Store] is found by type assertion and
// tested too: [denylist.Spender], [denylist.Operator], [denylist.Barrier],
// [denylist.Follower].
//
// The suite sets no clock: it reads the store's own and waits a few
// milliseconds where there is no other way.
package denylisttest

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/rescindhq/rescind/denylist"
)

// Subject is a store to be tested, with the settings that its answers depend
// on and the faults that it can be given.
type Subject struct {
	Store denylist.Store

	SkewMargin time.Duration // the store's; default 60 s
	Lifetime   time.Duration // the store's, of tokens whose exp is not known; default 90 days

	// DeniesApart is true of a store that refuses to deny the very token that
	// an exchange spends, since it could not do so in one step: Redis over 16
	// partitions.
	DeniesApart bool

	// LoseReply makes the store lose the reply to its next write: the write
	// takes effect, and the store cannot know. Nil: not tested.
	LoseReply func()
	// Break makes the store unable to tell anything until Mend. Nil: not
	// tested.
	Break, Mend func()
}

// Run tests the contract. newSubject returns a fresh, empty store each time;
// it is called from several goroutines at once.
func Run(t *testing.T, newSubject func(t *testing.T) Subject) {
	offered := newFixture(t, newSubject(t))
	for _, c := range contract() {
		if !c.needs(offered) {
			continue
		}
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			c.test(newFixture(t, newSubject(t)))
		})
	}
}

// clause is one part of the contract.
type clause struct {
	name  string
	needs func(*fixture) bool
	test  func(*fixture)
}

func contract() []clause {
	return []clause{
		{"Check_EmptyStoreDeniesNothing", anyStore, emptyStore},
		{"Check_Invalid", anyStore, checkInvalid},
		{"Revoke_EachScopeDeniesWhatItNames", anyStore, scopes},
		{"Revoke_SaysWhatItDid", anyStore, receipts},
		{"Revoke_ManyAtOnce", anyStore, manyAtOnce},
		{"Revoke_InvalidWritesNothing", anyStore, revokeInvalid},
		{"Revoke_SameIDOfTwoIssuersAndScopes", anyStore, sameID},
		{"Revoke_OddIDs", anyStore, oddIDs},
		{"Revoke_Concurrently", anyStore, revokeConcurrently},
		{"R5_Expiries", operators, expiries},
		{"R5_ObsoleteIsNotWritten", operators, obsolete},
		{"R6_CutoffsToTheMillisecond", spenders, cutoffs},
		{"R6_OmittedCutoffIsNowInsideTheWrite", spenders, omittedCutoff},
		{"R6_CutoffAheadIsRefused", anyStore, cutoffAhead},
		{"R10_StrictestWins", operators, strictestWins},
		{"R10_UnchangedMerges", anyStore, unchanged},
		{"R10_EveryOrderOfRevocations", operators, everyOrderOfRevocations},
		{"R10_EveryOrderOfRevocationsAndRotations", spendingOperators, everyOrderOfRotations},
		{"R10_EveryOrderOfRevokeExchangeReinstate", spendingOperators, everyOrderOfReinstate},
		{"R12_EffectiveFrom", spenders, effectiveFrom},
		{"R12_RevocationActsAtOnce", spenders, revocationActsAtOnce},
		{"Spend_TheTable", spenders, spendTable},
		{"Spend_Invalid", spenders, spendInvalid},
		{"Spend_Denies", spendingOperators, spendDenies},
		{"Spend_DeniesItsOwnToken", spenders, spendDeniesItself},
		{"Spend_LongChain", spenders, longChain},
		{"Spend_SameSessionOfTwoIssuers", spenders, sameSession},
		{"Spend_OddIDs", spenders, spendOddIDs},
		{"Spendable", spenders, spendable},
		{"R8_OneWinner", spenders, oneWinner},
		{"R8_OneSuccessorInTheWindow", spenders, oneSuccessor},
		{"R8_OneAttemptManyTimes", spenders, oneAttempt},
		{"R9_RevocationRacesWithExchanges", spenders, revocationRaces},
		{"Operator_Get", operators, operatorGet},
		{"Operator_List", operators, operatorList},
		{"Operator_ListInvalid", operators, operatorListInvalid},
		{"Operator_Counts", operators, operatorCounts},
		{"Operator_Reinstate", operators, operatorReinstate},
		{"Operator_EntriesAreCopies", operators, entriesAreCopies},
		{"Follow_TellsEachChangeOnce", followers, follow},
		{"Follow_GoesOnAfterAPosition", followers, followResumed},
		{"Follow_Reinstated", followedOperators, followReinstated},
		{"Follow_Exchanged", followedSpenders, followExchanged},
		{"Follow_Live", followers, followLive},
		{"Follow_Gap", followers, followGap},
		{"Barrier", barriers, barrier},
		{"Cancelled", anyStore, cancelled},
		{"R14_CannotTell", breakables, cannotTell},
		{"R14_CannotTellWhatAnExchangeDid", breakables, cannotTellSpend},
		{"LostReply_Revoke", losers, lostRevoke},
		{"LostReply_Spend", losers, lostSpend},
	}
}

func anyStore(*fixture) bool            { return true }
func spenders(f *fixture) bool          { return f.spender != nil }
func operators(f *fixture) bool         { return f.operator != nil }
func spendingOperators(f *fixture) bool { return spenders(f) && operators(f) }
func barriers(f *fixture) bool          { return f.barrier != nil }
func followers(f *fixture) bool         { return f.follower != nil }
func followedOperators(f *fixture) bool { return followers(f) && operators(f) }
func followedSpenders(f *fixture) bool  { return followers(f) && spenders(f) }
func breakables(f *fixture) bool        { return f.Break != nil && f.Mend != nil }
func losers(f *fixture) bool            { return f.LoseReply != nil }

// fixture is a fresh store in the hands of one clause.
type fixture struct {
	Subject
	*require.Assertions // for set-up: they end the test
	t                   *testing.T
	spender             denylist.Spender
	operator            denylist.Operator
	barrier             denylist.Barrier
	follower            denylist.Follower
}

func newFixture(t *testing.T, s Subject) *fixture {
	f := &fixture{Subject: s, Assertions: require.New(t), t: t}
	f.NotNil(s.Store, "Subject.Store")
	if f.SkewMargin == 0 {
		f.SkewMargin = time.Minute
	}
	if f.Lifetime == 0 {
		f.Lifetime = 90 * 24 * time.Hour
	}
	f.spender, _ = s.Store.(denylist.Spender)
	f.operator, _ = s.Store.(denylist.Operator)
	f.barrier, _ = s.Store.(denylist.Barrier)
	f.follower, _ = s.Store.(denylist.Follower)
	return f
}
