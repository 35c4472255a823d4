package scenario_test

import (
	"context"
	"fmt"
	"log"

	"github.com/rescindhq/rescind/bench/scenario"
	"github.com/rescindhq/rescind/verifier"
)

// Two scenarios are set up and asked once. A bench.Run asks them as often as
// its plan says.
func ExampleOpen() {
	ctx := context.Background()
	knobs := scenario.Defaults()
	knobs.Algorithms = map[verifier.Algorithm]int{verifier.EdDSA: 3, verifier.ES256: 1}
	knobs.Tokens, knobs.Entries = 1000, 1000

	stand, err := scenario.Open(ctx, []string{"memory", "crypto"}, knobs, nil)
	if err != nil {
		log.Fatal(err)
	}
	defer stand.Close()

	for _, contender := range stand.Contenders() {
		operation, err := contender.Scenario.Operation(0, 1)
		if err != nil {
			log.Fatal(err)
		}
		fmt.Println(contender.Name, operation(ctx))
	}
	// Output:
	// memory <nil>
	// crypto <nil>
}
