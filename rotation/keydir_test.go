package rotation_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/rescindhq/rescind/denylist"
	"github.com/rescindhq/rescind/rotation"
	"github.com/rescindhq/rescind/verifier"
)

func TestKeyDir_SurvivesAndIsPrivate(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "deep", "keys")
	ring := openRing(t, dir)
	_, err := ring.Sign("at+jwt", []byte("{}"))
	require.ErrorIs(t, err, rotation.ErrNoKey)
	_, err = ring.Rotate()
	require.ErrorIs(t, err, rotation.ErrNoKey)
	for _, alg := range verifier.Algorithms() {
		_, err := ring.Generate(alg)
		require.NoError(t, err)
	}
	_, err = ring.Rotate()
	require.NoError(t, err)

	assert.Equal(t, ring.List(), openRing(t, dir).List())
	info, err := os.Stat(dir)
	require.NoError(t, err)
	assert.Equal(t, os.FileMode(0o700), info.Mode().Perm())
	files, err := os.ReadDir(dir)
	require.NoError(t, err)
	for _, f := range files {
		info, err := f.Info()
		require.NoError(t, err)
		assert.Equal(t, os.FileMode(0o600), info.Mode().Perm(), f.Name())
	}
}

// What root changes, such as a key that is withdrawn, a server under an account
// of its own must be able to read.
func TestKeyDir_FileStaysItsOwners(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	ring := openRing(t, dir)
	key, err := ring.Generate(verifier.ES256)
	require.NoError(t, err)
	file := filepath.Join(dir, "keys.json")
	uid, gid := uint32(os.Geteuid()), uint32(os.Getegid())
	if uid == 0 {
		uid, gid = 65534, 65533
		require.NoError(t, os.Chown(file, int(uid), int(gid)))
	}
	_, err = ring.Withdraw(key.ID)
	require.NoError(t, err)
	info, err := os.Stat(file)
	require.NoError(t, err)
	owner := info.Sys().(*syscall.Stat_t)
	assert.Equal(t, []uint32{uid, gid}, []uint32{owner.Uid, owner.Gid})
	assert.Equal(t, os.FileMode(0o600), info.Mode().Perm())
}

func TestKeyDir_SecondProcessSeesTheChange(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	one, two := openRing(t, dir), openRing(t, dir)
	_, err := one.Generate(verifier.ES256)
	require.NoError(t, err)

	t.Run("at once where a token names the new key", func(t *testing.T) {
		next, err := one.Rotate()
		require.NoError(t, err)
		_, err = two.Key(t.Context(), next.ID)
		assert.NoError(t, err)
	})
	t.Run("at the next Reload otherwise", func(t *testing.T) {
		_, err := one.Rotate()
		require.NoError(t, err)
		require.NoError(t, two.Reload())
		assert.Equal(t, one.List(), two.List())
	})
	t.Run("and changes what is there, not what it knew", func(t *testing.T) {
		_, err := one.Rotate()
		require.NoError(t, err)
		_, err = two.Generate(verifier.HS256)
		require.NoError(t, err)
		require.NoError(t, one.Reload())
		assert.Equal(t, two.List(), one.List())
	})
}

// A process that has not heard of a rotation signs on. Its last token dies
// before the key does.
func TestKeyDir_KeyOutlivesWhatAStaleProcessSigned(t *testing.T) {
	t.Parallel()
	dir, clock := t.TempDir(), newClock()
	opts := rotation.KeyRingOptions{TokenLife: day, Now: clock.Now}
	fresh, err := rotation.OpenKeyRing(dir, opts)
	require.NoError(t, err)
	old, err := fresh.Generate(verifier.ES256)
	require.NoError(t, err)
	stale, err := rotation.OpenKeyRing(dir, opts)
	require.NoError(t, err)
	_, err = fresh.Rotate()
	require.NoError(t, err)

	clock.Advance(59 * time.Minute)
	raw, err := stale.Sign("at+jwt", []byte("{}"))
	require.NoError(t, err)
	require.Equal(t, old.ID, member(t, raw, 0)["kid"])
	clock.Advance(day + denylist.MaxLeeway)
	_, err = fresh.Key(t.Context(), old.ID)
	assert.NoError(t, err)
}

func TestKeyDir_ConcurrentWritersLoseNothing(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	var wg sync.WaitGroup
	for range 8 {
		ring := openRing(t, dir)
		wg.Go(func() {
			for range 4 {
				_, err := ring.Generate(verifier.HS256)
				assert.NoError(t, err)
			}
		})
	}
	wg.Wait()
	signing := 0
	keys := openRing(t, dir).List()
	for _, k := range keys {
		if k.State == rotation.Signing {
			signing++
		}
	}
	assert.Len(t, keys, 32)
	assert.Equal(t, 1, signing)
}

func TestKeyDir_BadFileKeepsTheOld(t *testing.T) {
	t.Parallel()
	spoil := map[string]func(t *testing.T, file string){
		"not JSON":       func(t *testing.T, file string) { require.NoError(t, os.WriteFile(file, []byte("{"), 0o600)) },
		"empty":          func(t *testing.T, file string) { require.NoError(t, os.WriteFile(file, nil, 0o600)) },
		"group may read": func(t *testing.T, file string) { require.NoError(t, os.Chmod(file, 0o640)) },
		"world may read": func(t *testing.T, file string) { require.NoError(t, os.Chmod(file, 0o604)) },
		"gone":           func(t *testing.T, file string) { require.NoError(t, os.Remove(file)) },
		"a directory": func(t *testing.T, file string) {
			require.NoError(t, os.Remove(file))
			require.NoError(t, os.Mkdir(file, 0o700))
		},
		"a pipe": func(t *testing.T, file string) {
			require.NoError(t, os.Remove(file))
			require.NoError(t, syscall.Mkfifo(file, 0o600))
		},
		"too large": func(t *testing.T, file string) {
			require.NoError(t, os.WriteFile(file, make([]byte, 1<<20+1), 0o600))
		},
	}
	for name, spoil := range spoil {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			ring := openRing(t, dir)
			key, err := ring.Generate(verifier.ES256)
			require.NoError(t, err)
			spoil(t, filepath.Join(dir, "keys.json"))

			for range 2 {
				assert.ErrorIs(t, ring.Reload(), rotation.ErrKeyFile)
			}
			_, err = ring.Sign("at+jwt", []byte("{}"))
			assert.NoError(t, err)
			_, err = ring.Key(t.Context(), key.ID)
			assert.NoError(t, err)
			_, err = ring.Key(t.Context(), "another")
			assert.ErrorIs(t, err, verifier.ErrUnknownKey)
			_, err = ring.Generate(verifier.ES256)
			assert.Error(t, err, "nothing may be written over it")
			if name != "gone" {
				_, err = rotation.OpenKeyRing(dir, rotation.KeyRingOptions{})
				assert.ErrorIs(t, err, rotation.ErrKeyFile)
			}
		})
	}
}

func TestKeyDir_OthersMayNotReplaceItsFiles(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	require.NoError(t, os.Chmod(dir, 0o777))
	_, err := openRing(t, dir).Generate(verifier.ES256)
	assert.ErrorIs(t, err, rotation.ErrKeyFile)
}

// TestKeyDir_KeysThatOthersCanReplaceAreNotRead: a key that somebody put there
// would sign as the issuer.
func TestKeyDir_KeysThatOthersCanReplaceAreNotRead(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	ring, writer := openRing(t, dir), openRing(t, dir)
	_, err := ring.Generate(verifier.ES256)
	require.NoError(t, err)
	known := ring.List()
	_, err = writer.Rotate()
	require.NoError(t, err)

	for _, mode := range []os.FileMode{0o770, 0o707} {
		require.NoError(t, os.Chmod(dir, mode))
		_, err = rotation.OpenKeyRing(dir, rotation.KeyRingOptions{})
		assert.ErrorIs(t, err, rotation.ErrKeyFile, "%v", mode)
		assert.ErrorIs(t, ring.Reload(), rotation.ErrKeyFile, "%v", mode)
		assert.Equal(t, known, ring.List(), "%v: the old keys stay", mode)
	}
	// As a secret is mounted: nobody can replace what another has put there.
	require.NoError(t, os.Chmod(dir, 0o777|os.ModeSticky))
	assert.Equal(t, writer.List(), openRing(t, dir).List())
	assert.NoError(t, ring.Reload())
}

func TestKeyDir_CrashBeforeTheRenameChangesNothing(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	ring := openRing(t, dir)
	_, err := ring.Generate(verifier.ES256)
	require.NoError(t, err)
	// What a writer leaves that died half-way, with a mode of its own.
	require.NoError(t, os.WriteFile(filepath.Join(dir, "keys.json.next"), []byte(`{"version":1,"ke`), 0o644))

	again := openRing(t, dir)
	assert.Equal(t, ring.List(), again.List())
	_, err = again.Rotate()
	require.NoError(t, err)
	assert.NoFileExists(t, filepath.Join(dir, "keys.json.next"))
	assert.Len(t, openRing(t, dir).List(), 2)
}

func openRing(t *testing.T, dir string) *rotation.KeyRing {
	t.Helper()
	ring, err := rotation.OpenKeyRing(dir, rotation.KeyRingOptions{})
	require.NoError(t, err)
	return ring
}

// keyFileContent is the file as another program would read it.
type keyFileContent struct {
	Version int
	Keys    []struct {
		JWK map[string]any
	}
}

func keyFileOf(t *testing.T, dir string) keyFileContent {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(dir, "keys.json"))
	require.NoError(t, err)
	var file keyFileContent
	require.NoError(t, json.Unmarshal(data, &file))
	return file
}
