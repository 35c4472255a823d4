package server

import (
	"errors"
	"io"
	"mime"
	"net/http"
	"net/url"
)

// formType is the one type of a request's body that /oauth/* takes (RFC 6749,
// appendix B).
const formType = "application/x-www-form-urlencoded"

// parametersOf are those of a form. One that is empty counts as left out (RFC
// 6749, section 3.2).
type parametersOf map[string]string

// readForm reads the parameters of a request to /oauth/*: from its body alone,
// since a query ends up in logs, and each at most once.
func readForm(a *answer, r *http.Request) (parametersOf, error) {
	a.Header().Set("Pragma", "no-cache") // RFC 6749, section 5.1
	if r.URL.RawQuery != "" || r.URL.ForceQuery {
		return nil, badRequest("Parameters belong into the body: want no query.")
	}
	types := r.Header.Values("Content-Type")
	if len(types) != 1 {
		return nil, badRequest("The Content-Type must be %s.", formType)
	}
	if kind, _, err := mime.ParseMediaType(types[0]); err != nil || kind != formType {
		return nil, badRequest("The Content-Type must be %s.", formType)
	}
	body, err := io.ReadAll(http.MaxBytesReader(a.ResponseWriter, r.Body, maxBody))
	var tooLarge *http.MaxBytesError
	switch {
	case errors.As(err, &tooLarge):
		return nil, badRequest("The body is too large: want at most %d bytes.", maxBody)
	case err != nil:
		return nil, badRequest("The body could not be read.")
	}
	return parseForm(string(body))
}

// parseForm refuses whatever two readers could read as two things. What was
// wrong may hold a token: it is not passed on.
func parseForm(body string) (parametersOf, error) {
	values, err := url.ParseQuery(body)
	if err != nil {
		return nil, badRequest("The body is not a form.")
	}
	form := make(parametersOf, len(values))
	for name, all := range values {
		switch {
		case len(all) > 1:
			return nil, badRequest("A parameter is there twice.")
		case all[0] != "":
			form[name] = all[0]
		}
	}
	return form, nil
}
