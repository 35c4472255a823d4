package bench

import (
	"bytes"
	"compress/zlib"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"
)

// decodeLatency decodes HdrHistogram's V2 compressed encoding. The library
// allocates by the geometry that the bytes name, up to 50 MB for a few of them,
// so it is looked at before. It reads the same bytes again, which costs little.
func decodeLatency(text string) (*hdrhistogram.Histogram, error) {
	if text == "" {
		return hdrhistogram.New(1, 2, 1), nil
	}
	if err := checkGeometry(text); err != nil {
		return nil, err
	}
	h, err := hdrhistogram.Decode([]byte(text))
	if err != nil {
		return nil, err
	}
	if !isCount(h.TotalCount()) {
		return nil, errCount
	}
	return h, nil
}

// geometry is the header of an encoded histogram, big-endian.
type geometry struct {
	_               [3]int32 // cookie, length, offset: the library's to check
	Digits          int32    // significant ones
	Lowest, Highest int64    // that can be told apart, and tracked
	Ratio           float64  // of the values in it to what was measured
}

func checkGeometry(text string) error {
	packed, err := base64.StdEncoding.DecodeString(text)
	if err != nil {
		return err
	}
	if len(packed) < 8 {
		return errors.New("no histogram")
	}
	unpacked, err := zlib.NewReader(bytes.NewReader(packed[8:])) // after its cookie and length
	if err != nil {
		return err
	}
	defer unpacked.Close()
	var g geometry
	if err := binary.Read(io.LimitReader(unpacked, int64(binary.Size(g))), binary.BigEndian, &g); err != nil {
		return err
	}
	switch {
	case g.Digits < 1 || g.Digits > 3:
		return fmt.Errorf("a histogram of %d significant digits, want 1 to 3", g.Digits)
	case g.Lowest < 1 || g.Lowest > int64(time.Second) || g.Highest < g.Lowest || g.Highest > int64(maxTime):
		return fmt.Errorf("a histogram from %d to %d ns, want at most %v", g.Lowest, g.Highest, maxTime)
	case g.Ratio != 1:
		return errors.New("a histogram that is not of nanoseconds")
	}
	return nil
}
