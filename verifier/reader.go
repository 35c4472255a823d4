package verifier

import (
	"fmt"
	"strings"
)

// MaxTokenSize is the most bytes that a token may have.
const MaxTokenSize = 8 << 10

// room is where one token is taken apart. Rooms are used again and again: what
// outlives Verify is copied out of them.
type room struct {
	parts
	signed  [MaxTokenSize]byte // the token
	decoded [MaxTokenSize]byte // its header, payload and signature
	names   [fewNames]string   // of JSON members
	order   order              // of claims

	last    header // of the genuine token that was here last
	lastRaw string // as it stands in the token
	known   bool   // the token in the room has the same
}

// parts are a token that has been read strictly: well-formed all through, and
// nothing in it believed yet. Strings are parts of one copy of the token's
// text, so that claims which are kept need no other memory.
type parts struct {
	header

	raw     string            // the token, if it is to be kept
	payload string            // the claims, decoded
	size    int               // of the memory that strings are parts of
	claims  [claimCount]value // in them

	signingInput, signature []byte // in the room
}

// header is what a token's header says.
type header struct {
	alg, kid, typ string
	hasKid        bool
}

// maxLastHeader bounds what a room in the pool holds on to.
const maxLastHeader = 256

// remember keeps the header of a token that turned out to be genuine: all tokens
// of an issuer's key have the same one, and it need not be read again.
func (in *room) remember(raw string) {
	if in.known {
		return
	}
	text := raw[:strings.IndexByte(raw, '.')]
	if len(text) > maxLastHeader {
		return
	}
	in.lastRaw = strings.Clone(text)
	in.last = header{
		alg: strings.Clone(in.alg), kid: strings.Clone(in.kid), typ: strings.Clone(in.typ), hasKid: in.hasKid,
	}
}

// clear forgets the token, so that a room in the pool holds on to none.
func (in *room) clear() {
	in.parts = parts{}
	clear(in.names[:])
}

// read takes a token apart. The parts are valid until the room is cleared. What
// is to be kept has a copy of the token too.
func (in *room) read(raw string, keep bool) (*parts, error) {
	if err := in.readSigned(raw, keep); err != nil {
		return nil, err
	}
	if err := scanObject(in.payload, claimNamed, in.claims[:], in.names[:], &in.order); err != nil {
		return nil, err
	}
	return &in.parts, nil
}

// readSigned takes apart all but the claims: the compact form (RFC 7515
// section 7.1) and the header.
func (in *room) readSigned(raw string, keep bool) error {
	switch {
	case raw == "":
		return ErrMissing
	case len(raw) > MaxTokenSize:
		return fmt.Errorf("%w: %d bytes, at most %d", ErrTooLarge, len(raw), MaxTokenSize)
	}
	dot1 := strings.IndexByte(raw, '.')
	dot2 := strings.LastIndexByte(raw, '.')
	if dot1 == dot2 {
		return malformed("not three segments")
	}
	in.known = dot1 > 0 && raw[:dot1] == in.lastRaw
	head, ok1 := in.decoded[:0], true
	if !in.known {
		head, ok1 = appendBase64(head, raw[:dot1])
	}
	both, ok2 := appendBase64(head, raw[dot1+1:dot2])
	all, ok3 := appendBase64(both, raw[dot2+1:])
	if !ok1 || !ok2 || !ok3 { // a point is none of its characters either
		return malformed("not base64url")
	}
	in.signingInput = in.signed[:copy(in.signed[:], raw[:dot2])]
	in.signature = all[len(both):]

	text := in.copyOf(raw, both, keep)
	in.payload = text[len(head):]
	if in.known {
		in.header = in.last
		return nil
	}
	return in.readHeader(text[:len(head)])
}

// copyOf is a copy of text that outlives the room, in one piece of memory with
// one of the token if that is to be kept.
func (in *room) copyOf(raw string, text []byte, keep bool) string {
	if !keep {
		in.size = len(text)
		return string(text)
	}
	var both strings.Builder
	both.Grow(len(raw) + len(text))
	both.WriteString(raw)
	both.Write(text)
	in.raw, in.size = both.String()[:len(raw)], both.Len()
	return both.String()[len(raw):]
}

// readHeader reads the JOSE header. What it says is checked against the key
// later; what no token may say is refused here (R2).
func (in *room) readHeader(text string) error {
	var head [headCount]value
	if err := scanObject(text, headerNamed, head[:], in.names[:], nil); err != nil {
		return err
	}
	for at := headRefused; at < headCount; at++ {
		if head[at].kind != kindAbsent {
			return fmt.Errorf("%w: keys, extensions, compression and encryption in a token", ErrHeader)
		}
	}
	for at := range headRefused {
		if k := head[at].kind; k != kindString && k != kindAbsent {
			return fmt.Errorf("%w: not a string", ErrHeader)
		}
	}
	if isJWT(head[headCty].str()) {
		return fmt.Errorf("%w: a token in a token", ErrHeader)
	}
	in.alg, in.kid, in.typ = head[headAlg].str(), head[headKid].str(), head[headTyp].str()
	in.hasKid = head[headKid].kind != kindAbsent
	if len(in.kid) > MaxKeyID {
		return fmt.Errorf("%w: kid of %d bytes, at most %d", ErrHeader, len(in.kid), MaxKeyID)
	}
	return nil
}

// isJWT reports whether a cty says that the payload is a token itself (RFC
// 7519 section 5.2).
func isJWT(cty string) bool { return strings.EqualFold(mediaType(cty), "jwt") }

// mediaType leaves out the prefix that RFC 7515 section 4.1.9 lets a typ or
// cty leave out.
func mediaType(s string) string {
	const prefix = "application/"
	if len(s) > len(prefix) && strings.EqualFold(s[:len(prefix)], prefix) {
		return s[len(prefix):]
	}
	return s
}
