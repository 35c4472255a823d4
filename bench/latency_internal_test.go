package bench

import (
	"bytes"
	"compress/zlib"
	"encoding/base64"
	"encoding/binary"
	"testing"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// pack makes an encoded histogram of what it unpacks to.
func pack(unpacked []byte) string {
	var packed bytes.Buffer
	z := zlib.NewWriter(&packed)
	z.Write(unpacked)
	z.Close()
	head := binary.BigEndian.AppendUint32(nil, 0x1c849314)
	head = binary.BigEndian.AppendUint32(head, uint32(packed.Len()))
	return base64.StdEncoding.EncodeToString(append(head, packed.Bytes()...))
}

// unpacked is a histogram as it is encoded before it is packed. Without any
// counts, zigzag, it has one operation of 0 ns.
func unpacked(digits int32, lowest, highest int64, ratio float64, counts ...byte) []byte {
	if counts == nil {
		counts = []byte{2}
	}
	var out bytes.Buffer
	binary.Write(&out, binary.BigEndian, []int32{0x1c849313, int32(len(counts)), 0, digits})
	binary.Write(&out, binary.BigEndian, []int64{lowest, highest})
	binary.Write(&out, binary.BigEndian, ratio)
	out.Write(counts)
	return out.Bytes()
}

func TestLatenciesOfOtherWritersAreRead(t *testing.T) {
	t.Parallel()
	h, err := decodeLatency(pack(unpacked(2, 1000, int64(time.Hour), 1)))
	require.NoError(t, err)
	assert.Equal(t, int64(1), h.TotalCount())
	assert.Equal(t, int64(2), h.SignificantFigures())
}

func TestGeometriesThatAreRefused(t *testing.T) {
	t.Parallel()
	for name, of := range map[string][]byte{
		"no digits":      unpacked(0, 1, int64(time.Hour), 1),
		"four digits":    unpacked(4, 1, int64(time.Hour), 1),
		"a lowest of 0":  unpacked(3, 0, int64(time.Hour), 1),
		"a coarse one":   unpacked(3, int64(time.Minute), int64(time.Hour), 1),
		"upside down":    unpacked(3, 1000, 999, 1),
		"endless":        unpacked(3, 1, int64(101*time.Hour), 1),
		"not in ns":      unpacked(3, 1, int64(time.Hour), 1000),
		"a short header": unpacked(3, 1, int64(time.Hour), 1)[:39],
		"a short list":   unpacked(3, 1, int64(time.Hour), 1)[:40],
		"counts too big": unpacked(3, 1, int64(time.Hour), 1, 0xfe, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := decodeLatency(pack(of))
			assert.Error(t, err)
		})
	}
}

// What base64 and zlib hide from FuzzRead.
func FuzzLatency(f *testing.F) {
	f.Add(unpacked(3, 1, int64(time.Minute), 1))
	f.Add(unpacked(1, 7, 7, 1, 4, 3, 0x80, 1))
	f.Fuzz(func(t *testing.T, data []byte) {
		h, err := decodeLatency(pack(data))
		if err != nil {
			return
		}
		require.LessOrEqual(t, h.ByteSize(), 512<<10)
		turns := []Slice{{Latency: h}, {Latency: hdrhistogram.New(1, 100, 3)}}
		assert.Equal(t, h.TotalCount(), mergeLatencies(turns).TotalCount(), "operations were dropped")

		text, err := encodeLatency(h)
		require.NoError(t, err)
		again, err := decodeLatency(text)
		require.NoError(t, err)
		assert.True(t, h.Equals(again))
	})
}
