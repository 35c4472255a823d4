package server

import (
	"fmt"
	"net/http"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/rescindhq/rescind/denylist"
)

// An entry that a mirror gave back has neither issuer nor id: it is shown by
// its digest, and by its names to who asks for them.
func TestEntriesWithoutNames(t *testing.T) {
	t.Parallel()
	store, server := newRedis(t)
	s := newSite(t, siteOptions{redis: store})
	client := server.Client()
	entry := denylist.SessionEntry(testIssuer, "lost", time.Now().Add(time.Hour))
	receipt, err := store.Revoke(t.Context(), entry)
	require.NoError(t, err)
	name := entryName{denylist.ScopeSession, testIssuer, "lost"}
	until := receipt.Results[0].Entry.ExpiresAt.UnixMilli()
	value := fmt.Sprintf("1 %d %d - - - - - -", until, time.Now().UnixMilli())
	key := "rescind:{0}:s:" + name.digest()
	require.NoError(t, client.SetArgs(t.Context(), key, value, redis.SetArgs{KeepTTL: true}).Err())

	list := s.operate("GET", "/v1/revocations", "")
	require.Equal(t, http.StatusOK, list.StatusCode)
	assert.Contains(t, string(list.body), `{"scope":"session","digest":"`+name.digest()+`","revoked"`)
	assert.NotContains(t, string(list.body), `"issuer":""`)
	one := s.operate("GET", "/v1/revocations/session/lost", "")
	assert.Contains(t, string(one.body), `"id":"lost"`)
	assert.NotContains(t, string(one.body), `"digest"`)
}
