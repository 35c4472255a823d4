package rotation

import (
	"io"
	"net/http"
	"slices"
	"strings"

	"github.com/felixge/httpsnoop"
)

// serve lets next answer, and puts the renewed token into the answer.
func (l *Sliding) serve(next http.Handler, w http.ResponseWriter, r *http.Request, renewed string) {
	// A 304 would put the token into what a cache has stored (RFC 9111, section
	// 4.3.4), so this request is answered in full.
	full := r.Clone(r.Context())
	full.Header.Del("If-None-Match")
	full.Header.Del("If-Modified-Since")

	header, sent := w.Header(), false
	// Again when the answer begins: next may have set headers of its own.
	begin := func() {
		if !sent {
			l.put(header, renewed)
		}
	}
	begin()
	next.ServeHTTP(httpsnoop.Wrap(w, httpsnoop.Hooks{
		WriteHeader: func(do httpsnoop.WriteHeaderFunc) httpsnoop.WriteHeaderFunc {
			return func(status int) {
				begin()
				sent = sent || status >= http.StatusOK // 103 and the like are followed by another
				do(status)
			}
		},
		Write: func(do httpsnoop.WriteFunc) httpsnoop.WriteFunc {
			return func(b []byte) (int, error) {
				begin()
				sent = true
				return do(b)
			}
		},
		ReadFrom: func(do httpsnoop.ReadFromFunc) httpsnoop.ReadFromFunc {
			return func(src io.Reader) (int64, error) {
				begin()
				sent = true
				return do(src)
			}
		},
		Flush: func(do httpsnoop.FlushFunc) httpsnoop.FlushFunc {
			return func() {
				begin()
				sent = true
				do()
			}
		},
	}), full)
	begin() // of an answer that has no body and no status of its own
}

// put sets the token, and sees to it that scripts may read it and no cache
// keeps it, those included that have a header of their own (RFC 9213).
func (l *Sliding) put(h http.Header, renewed string) {
	h.Set(l.opts.Header, renewed)
	addWord(h, "Access-Control-Expose-Headers", l.opts.Header)
	addWord(h, "Vary", "Authorization")
	h.Set("Cache-Control", "no-store")
	for _, other := range []string{"CDN-Cache-Control", "Surrogate-Control", "Expires"} {
		h.Del(other)
	}
}

// addWord adds a word to a header that is a list, if it is not there yet.
func addWord(h http.Header, name, word string) {
	for _, line := range h.Values(name) {
		words := strings.Split(line, ",")
		if slices.ContainsFunc(words, func(w string) bool { return strings.EqualFold(strings.TrimSpace(w), word) }) {
			return
		}
	}
	h.Add(name, word)
}
